package fakeaws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far the time of a signature may be off.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
const maxSkew = 5 * time.Minute

const timeFormat = "20060102T150405Z"

// signature is what a valid signature says.
type signature struct {
	identity        Identity
	region, service string
}

// verify checks the signature of a request by the rules for headers.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (s *Server) verify(r *http.Request, body []byte) (signature, *Failure) {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return signature{}, forbidden("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	parts := make(map[string]string)
	for _, part := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return signature{}, forbidden("IncompleteSignature", "the credential is not of the form KEY/DATE/REGION/SERVICE/aws4_request")
	}
	i := slices.IndexFunc(s.identities, func(known Identity) bool { return known.AccessKeyID == scope[0] })
	if i < 0 || r.Header.Get("X-Amz-Security-Token") != s.identities[i].SessionToken || !slices.Contains([]string{"", scope[2]}, s.identities[i].OnlyIn) {
		return signature{}, forbidden("InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	signed := signature{identity: s.identities[i], region: scope[2], service: scope[3]}
	date := r.Header.Get("X-Amz-Date")
	if failure := s.checkDate(date, scope[1]); failure != nil {
		return signature{}, failure
	}
	headers := strings.Split(parts["SignedHeaders"], ";")
	for _, name := range []string{"host", "x-amz-date"} {
		if !slices.Contains(headers, name) {
			return signature{}, forbidden("SignatureDoesNotMatch", "'"+name+"' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", date, strings.Join(scope[1:], "/"), hexHash(canonicalRequest(r, headers, body))}, "\n")
	key := []byte("AWS4" + signed.identity.SecretAccessKey)
	for _, part := range append(scope[1:], toSign) {
		key = sum(key, part)
	}
	if !hmac.Equal([]byte(parts["Signature"]), []byte(hex.EncodeToString(key))) {
		return signature{}, forbidden("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.")
	}
	return signed, nil
}

func (s *Server) checkDate(date, day string) *Failure {
	at, err := time.Parse(timeFormat, date)
	if err != nil || !strings.HasPrefix(date, day) {
		return forbidden("IncompleteSignature", "Date must be in ISO-8601 'basic format' and be that of the credential. Got '"+date+"'.")
	}
	now := s.now().UTC()
	switch {
	case now.Sub(at) > maxSkew:
		return forbidden("SignatureDoesNotMatch", "Signature expired: "+date+" is now earlier than "+now.Add(-maxSkew).Format(timeFormat)+" ("+now.Format(timeFormat)+" - 5 min.)")
	case at.Sub(now) > maxSkew:
		return forbidden("SignatureDoesNotMatch", "Signature not yet current: "+date+" is still later than "+now.Add(maxSkew).Format(timeFormat)+" ("+now.Format(timeFormat)+" + 5 min.)")
	}
	return nil
}

func canonicalRequest(r *http.Request, headers []string, body []byte) string {
	var lines strings.Builder
	lines.WriteString(r.Method + "\n" + r.URL.EscapedPath() + "\n" + r.URL.RawQuery + "\n")
	for _, name := range headers {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = strings.TrimSpace(r.Header.Get("Content-Length"))
			if value == "" {
				value = strconv.Itoa(len(body))
			}
		}
		lines.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	lines.WriteString("\n" + strings.Join(headers, ";") + "\n" + hexHash(string(body)))
	return lines.String()
}

func hexHash(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func sum(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
