package rdsiam

import (
	"strconv"
	"strings"

	iamtoken "github.com/rdsiam/rdsiam/internal/token"
)

// wrongToken says why a token that a source returned is not one for l. It quotes nothing
// of a text that is no token, since that may be another secret.
func (l Login) wrongToken(token Token) *ConfigError {
	text := token.Reveal()
	if text == "" {
		return sourceReturned("token-empty", "an empty token and no error for "+l.String(),
			"return either a token or the reason why there is none")
	}
	if token.signedFor != (tokenKey{}) {
		return sourceReturned("token-of-another-login",
			"a token that was signed for "+token.signedFor.String()+", not for "+keyOf(l).String(),
			"sign for Endpoint.String(), Endpoint.Region() and User of the Login that the source gets")
	}
	parts := iamtoken.Read(text)
	for _, damage := range parts.Damage {
		return damages[damage]()
	}
	missing := parts.Missing()
	switch {
	case len(missing) == len(iamtoken.Names):
		return sourceReturned("token-unknown-text", "a text that is no token for RDS",
			"return what rdsiam token or an SDK's signer for RDS prints: HOST:PORT/?Action=connect&DBUser=…")
	case len(missing) > 0:
		return sourceReturned("token-cut", "a token that lacks "+strings.Join(missing, ", "), fixCut)
	case !iamtoken.IsSignature(parts.Get(iamtoken.Signature).Value):
		return sourceReturned("token-cut", "a token whose signature does not have 64 hexadecimal digits", fixCut)
	}
	return sourceReturned("token-malformed", "a token without a port or without the scope of its key",
		"sign it for host and port with an SDK's signer for RDS")
}

const fixCut = "look for a field or buffer on its way that is too short; tokens have up to 5,000 characters"

// damages says what happened to a token between its signer and the source.
var damages = map[iamtoken.Damage]func() *ConfigError{
	iamtoken.Quoted: func() *ConfigError {
		return sourceReturned("token-quoted", "a token in quotes", "leave them out")
	},
	iamtoken.InJSON: func() *ConfigError {
		return sourceReturned("token-json", "a JSON document", "return only the token in it")
	},
	iamtoken.WithScheme: func() *ConfigError {
		return sourceReturned("token-scheme", "a token with a scheme such as https:// in front",
			"cut that off: a token has none")
	},
	iamtoken.WhiteSpace: func() *ConfigError {
		return sourceReturned("token-white-space", "a token with white space inside",
			"look for a line break that a copy or a file put in")
	},
	iamtoken.PercentEncoded: func() *ConfigError {
		return sourceReturned("token-percent-encoded", "a token that is percent-encoded as a whole",
			"return it as it was signed")
	},
	iamtoken.HTMLEncoded: func() *ConfigError {
		return sourceReturned("token-html-encoded", "a token that was encoded for HTML (&amp; in place of &)",
			"return it as it was signed")
	},
}

func sourceReturned(code, what, fix string) *ConfigError {
	return configError(code, "token source", "", "returned "+what, fix)
}

// String returns user@host:port (region).
func (k tokenKey) String() string {
	return k.user + "@" + k.host + ":" + strconv.Itoa(int(k.port)) + " (" + k.region + ")"
}
