package rdsiam

import (
	"fmt"
	"log/slog"
	"time"
)

// String describes the token without revealing it.
func (t Token) String() string {
	switch {
	case t.Reveal() == "":
		return "rdsiam.Token(empty)"
	case t.expires.IsZero():
		return "rdsiam.Token(expiry unknown)"
	case t.accessKeyID == "":
		return fmt.Sprintf("rdsiam.Token(expires %s)", t.expires.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("rdsiam.Token(access key %s, expires %s)", t.accessKeyID, t.expires.UTC().Format(time.RFC3339))
}

// Format implements [fmt.Formatter]: every verb prints what String returns.
func (t Token) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(t.String())) }

// LogValue implements [slog.LogValuer] with what String returns.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText implements [encoding.TextMarshaler], and so JSON, with what String returns.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Format keeps what the source holds, credentials among it, out of logs.
func (s *signingSource) Format(state fmt.State, _ rune) {
	_, _ = state.Write([]byte("rdsiam.TokenSource"))
}
