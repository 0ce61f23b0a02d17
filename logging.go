package rdsiam

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"time"
)

// MarshalText implements [encoding.TextMarshaler], for JSON and slog, with what String
// returns.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// MarshalText implements [encoding.TextMarshaler] with what String returns.
func (k EndpointKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText implements [encoding.TextMarshaler] with what String returns.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue implements [slog.LogValuer] with a group: error, user, endpoint, refused,
// retryable, code (of the server), causes (their codes, the likeliest first), access_key_id
// and token_age. What is not known is left out.
func (e *LoginError) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return slog.GroupValue(e.attributes()...)
}

// MarshalJSON returns an object with the attributes of LogValue. Durations are in
// nanoseconds, as slog has them in JSON.
func (e *LoginError) MarshalJSON() ([]byte, error) { return marshalAttributes(e.attributes()) }

func (e *LoginError) attributes() []slog.Attr {
	var list attributeList
	list.text("error", e.Error())
	list.login(e.login())
	list = append(list, slog.Bool("refused", e.Refused), slog.Bool("retryable", e.Retryable()))
	list.codes(e)
	list.token(e.AccessKeyID, e.TokenAge)
	return list
}

// LogValue implements [slog.LogValuer] with a group: kind, user, endpoint, duration,
// access_key_id and token_age, and of an error its text, the code of the server and the
// codes of its causes. What is not known is left out.
func (e Event) LogValue() slog.Value { return slog.GroupValue(e.attributes()...) }

// MarshalJSON returns an object with the attributes of LogValue. Durations are in
// nanoseconds, as slog has them in JSON.
func (e Event) MarshalJSON() ([]byte, error) { return marshalAttributes(e.attributes()) }

func (e Event) attributes() []slog.Attr {
	var list attributeList
	list.text("kind", e.Kind.String())
	list.login(e.Login)
	if e.Duration != 0 {
		list = append(list, slog.Duration("duration", e.Duration))
	}
	list.token(e.AccessKeyID, e.TokenAge)
	if e.Err != nil {
		list.text("error", e.Err.Error())
		list.codes(e.Err)
	}
	return list
}

// attributeList leaves out what is not known.
type attributeList []slog.Attr

func (l *attributeList) text(name, text string) {
	if text != "" {
		*l = append(*l, slog.String(name, text))
	}
}

func (l *attributeList) login(login Login) {
	l.text("user", login.User)
	l.text("endpoint", login.Endpoint.String())
}

func (l *attributeList) token(accessKeyID string, age time.Duration) {
	l.text("access_key_id", accessKeyID)
	if accessKeyID != "" || age != 0 {
		*l = append(*l, slog.Duration("token_age", age))
	}
}

// codes adds the code of the server and those of the causes; the cause of a [*ConfigError]
// is itself.
func (l *attributeList) codes(err error) {
	explanation := Explain(err)
	var codes []string
	for _, cause := range explanation.Causes {
		codes = append(codes, cause.Code)
	}
	var config *ConfigError
	if len(codes) == 0 && errors.As(err, &config) && config.Code != "" {
		codes = []string{config.Code}
	}
	l.text("code", explanation.Code)
	if len(codes) > 0 {
		*l = append(*l, slog.Any("causes", codes))
	}
}

func marshalAttributes(attributes []slog.Attr) ([]byte, error) {
	var object bytes.Buffer
	object.WriteByte('{')
	for i, attribute := range attributes {
		value, err := json.Marshal(attribute.Value.Any())
		if err != nil {
			return nil, err
		}
		if i > 0 {
			object.WriteByte(',')
		}
		object.WriteString(`"` + attribute.Key + `":`)
		object.Write(value)
	}
	object.WriteByte('}')
	return object.Bytes(), nil
}
