package fakeaws

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// requestID is the same for every answer: nothing depends on it.
const requestID = "11111111-2222-3333-4444-555555555555"

// read takes a request apart, and refuses what AWS refuses before it looks at the call.
func (s *Server) read(r *http.Request) (call, *Failure) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return call{}, &Failure{Status: http.StatusBadRequest, Code: "IncompleteBody", Message: err.Error()}
	}
	signed, failure := s.verify(r, body)
	if failure != nil {
		return call{}, failure
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return call{}, validationError("the body is no form: " + err.Error())
	}
	c := call{Call: Call{Region: signed.region, Caller: signed.identity.ARN, Parameters: form}, name: form.Get("Action")}
	for _, candidate := range services {
		if candidate.name == signed.service {
			c.service = candidate
		}
	}
	if c.service == nil {
		return c, &Failure{Status: http.StatusForbidden, Code: "SignatureDoesNotMatch", Message: "Credential should be scoped to correct service, not " + signed.service + "."}
	}
	c.Action = c.service.name + ":" + c.name
	if version := form.Get("Version"); version != c.service.version {
		return c, validationError("there is no version " + version + " of " + c.service.name)
	}
	if _, ok := c.service.actions[c.name]; !ok {
		return c, &Failure{Status: http.StatusBadRequest, Code: "InvalidAction", Message: "Could not find operation " + c.name + " for version " + c.service.version}
	}
	return c, nil
}

func checkParameters(a action, given url.Values) *Failure {
	for _, name := range a.required {
		if given.Get(name) == "" {
			return &Failure{Status: http.StatusBadRequest, Code: "MissingParameter", Message: "The request must contain the parameter " + name + "."}
		}
	}
	for name, values := range given {
		if len(values) != 1 {
			return validationError("the parameter " + name + " is there more than once")
		}
		if !isAmong(name, a.required) && !isAmong(name, a.optional) && !isAmong(name, []string{"Action", "Version", "Marker"}) {
			return validationError("unknown parameter " + name)
		}
	}
	return nil
}

func isAmong(name string, names []string) bool {
	for _, known := range names {
		prefix, isList := strings.CutSuffix(known, "*")
		if name == known || isList && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func writeResult(w http.ResponseWriter, c call, result any) {
	w.Header().Set("Content-Type", "text/xml")
	response := xml.StartElement{Name: xml.Name{Local: c.name + "Response"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: c.service.namespace}}}
	encoder := xml.NewEncoder(w)
	write := func(err error) {
		if err != nil {
			panic(err) // a result that is no XML is a mistake in this package
		}
	}
	write(encoder.EncodeToken(response))
	if result != nil {
		write(encoder.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: c.name + "Result"}}))
	}
	write(encoder.EncodeElement(struct{ RequestId string }{requestID}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}))
	write(encoder.EncodeToken(response.End()))
	// The client may have gone.
	_ = encoder.Close()
}

func writeFailure(w http.ResponseWriter, c call, failure *Failure) {
	if failure.Code == "" {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(failure.Status)
		_, _ = io.WriteString(w, failure.Page)
		return
	}
	type detail struct{ Type, Code, Message string }
	response := struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr,omitempty"`
		Error     detail
		RequestId string
	}{Error: detail{"Sender", failure.Code, failure.Message}, RequestId: requestID}
	if c.service != nil {
		response.Namespace = c.service.namespace
	}
	text, err := xml.Marshal(response)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(failure.Status)
	_, _ = w.Write(text)
}
