package rdsiam

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam/internal/causes"
	"github.com/rdsiam/rdsiam/internal/hostname"
	iamtoken "github.com/rdsiam/rdsiam/internal/token"
)

// tokenLifetime is how long RDS accepts a token at the most.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
const tokenLifetime = 15 * time.Minute

// Login names what a token is asked for: one database user at one endpoint.
type Login struct {
	Endpoint Endpoint
	User     string // database user, spelled exactly as the database spells it
}

// Token is a password that RDS accepts for one [Login], for 15 minutes at the
// most. It never prints itself: every fmt verb, slog, JSON and text marshalling
// show whose key signed it and until when it is good, nothing else. The zero
// Token is empty and is refused by every driver.
type Token struct {
	// text is behind a func because reflection-based printers follow pointers
	// and print strings, but print a func as an address.
	text            func() string
	accessKeyID     string
	signed, expires time.Time
	signedFor       tokenKey  // zero where the text is no whole token
	made            time.Time // the instant of signing; zero unless it was signed here
	reused          bool
}

// TokenSource gives the tokens that drivers and hooks log in with.
// [NewTokenSource] makes the usual one. It is asked by [Login.Token], which has validated
// the login. Implementations are safe for concurrent use and return within the context's
// deadline.
type TokenSource interface {
	Token(context.Context, Login) (Token, error)
}

// TokenSourceFunc makes a [TokenSource] of a function, for tokens that come from
// elsewhere: a sidecar, a vault, another SDK. The function wraps the text with
// [NewToken].
type TokenSourceFunc func(context.Context, Login) (Token, error)

// Token calls f.
func (f TokenSourceFunc) Token(ctx context.Context, login Login) (Token, error) {
	return f(ctx, login)
}

// NewToken returns a Token for text that was made elsewhere. It is valid until
// expires; the zero time stands for what the text itself says (X-Amz-Date and
// X-Amz-Expires). White space around the text, such as the line feed that a command
// prints, is dropped. What the text was signed for is checked by [Login.Token].
func NewToken(text string, expires time.Time) Token {
	text = strings.TrimSpace(text)
	parts := iamtoken.Read(text)
	made := Token{text: func() string { return text }, signedFor: targetOf(parts)}
	made.accessKeyID, _, _ = strings.Cut(parts.Get(iamtoken.Credential).Value, "/")
	if signed, ok := parts.Signed(); ok {
		made.signed = signed
		made.expires = signed.Add(tokenLifetime)
		if lifetime, ok := parts.Lifetime(); ok {
			if !parts.IsDSQL() { // which alone counts what the token asks for
				lifetime = min(lifetime, tokenLifetime)
			}
			made.expires = signed.Add(lifetime)
		}
	}
	if !expires.IsZero() {
		// Wall clock only: the monotonic clock stands still while a laptop
		// sleeps or a Lambda function is frozen, and tokens age all the same.
		made.expires = expires.Round(0)
	}
	return made
}

// targetOf returns the login that a text was signed for, the zero value where the text is
// no whole token.
func targetOf(parts iamtoken.Parts) tokenKey {
	host, port, _ := parts.HostPort()
	scope, ok := parts.Scope()
	if parts.IsDSQL() {
		if port != "" || !ok || len(parts.Damage) > 0 || len(parts.Missing()) > 0 || !iamtoken.IsSignature(parts.Get(iamtoken.Signature).Value) {
			return tokenKey{}
		}
		return tokenKey{host: hostname.Normalize(host), region: scope.Region, action: parts.Get(iamtoken.Action).Value}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || !ok || len(parts.Damage) > 0 || len(parts.Missing()) > 0 ||
		!iamtoken.IsSignature(parts.Get(iamtoken.Signature).Value) {
		return tokenKey{}
	}
	user := parts.Get(iamtoken.User)
	if !user.Decoded {
		user.Value = unescape(user.Raw) // some signers write a space as +
	}
	return tokenKey{host: hostname.Normalize(host), port: uint16(number), region: scope.Region, user: user.Value}
}

// Reveal returns the text of the token, the password to send to the server. It is
// the only way to the text; what calls it must neither log nor store it.
func (t Token) Reveal() string {
	if t.text == nil {
		return ""
	}
	return t.text()
}

// Expires returns the instant from which the server refuses the token: 15 minutes
// after signing, or earlier if the credentials that signed it expire earlier. It
// is the zero time where that is unknown.
func (t Token) Expires() time.Time { return t.expires }

// Signed returns the instant, in whole seconds, at which the token was signed; the
// zero time where that is unknown.
func (t Token) Signed() time.Time { return t.signed }

// AccessKeyID returns the id of the key that signed the token, which is no secret,
// or "" where that is unknown.
func (t Token) AccessKeyID() string { return t.accessKeyID }

// Age returns how long ago the token was signed, zero where that is unknown. A token from
// elsewhere has the second only.
func (t Token) Age() time.Duration {
	signed := t.made
	if signed.IsZero() {
		signed = t.signed
	}
	if signed.IsZero() {
		return 0
	}
	return max(0, time.Since(signed))
}

// Reused reports whether the source had given out this token before.
func (t Token) Reused() bool { return t.reused }

// Mask returns text with every occurrence of the token, and of the signature and
// session token inside it, replaced. Drivers pass it what a server sent back.
func (t Token) Mask(text string) string {
	token := t.Reveal()
	if token == "" {
		return text
	}
	secrets := []string{token, url.QueryEscape(token)}
	parts := iamtoken.Read(token)
	for _, name := range []string{iamtoken.Signature, iamtoken.SecurityToken} {
		if value := parts.Get(name).Raw; value != "" {
			secrets = append(secrets, value, unescape(value), url.QueryEscape(unescape(value)))
		}
	}
	var pairs []string
	for _, secret := range secrets {
		pairs = append(pairs, secret, "[token masked]")
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// unescape decodes a query parameter, and returns one that cannot be decoded as it is.
func unescape(value string) string {
	if decoded, err := url.QueryUnescape(value); err == nil {
		return decoded
	}
	return value
}

// Token asks source for the token of this login and refuses what cannot log in: an
// invalid user or endpoint, a nil source, a text that is no token, a token of another
// endpoint, region or user, which would give its reader a login that is not this one, and
// an expired one. Drivers and hooks call it in place of source.Token. Its errors are a
// [*ConfigError] where the settings or the source are wrong, and otherwise a
// [*CredentialsError].
func (l Login) Token(ctx context.Context, source TokenSource) (Token, error) {
	if recording, ok := source.(*recordingSource); ok {
		return recording.Token(ctx, l) // which asks by ask
	}
	return l.ask(ctx, source)
}

// ask is the one gate between sources and drivers.
func (l Login) ask(ctx context.Context, source TokenSource) (Token, error) {
	if isNil(source) {
		return Token{}, errNilSource()
	}
	if err := l.Validate(); err != nil {
		return Token{}, err
	}
	token, err := source.Token(ctx, l)
	if err != nil {
		return Token{}, l.sourceError(err)
	}
	if token.signedFor != signedFor(l) {
		return Token{}, l.wrongToken(token)
	}
	if !token.expires.IsZero() && !time.Now().Before(token.expires) {
		failed := credentialsError(causes.TokenExpired, aws.Credentials{AccessKeyID: token.accessKeyID}, nil)
		failed.Login, failed.Expires = l, token.expires
		return Token{}, failed
	}
	return token, nil
}

// sourceError makes a CredentialsError of an error that does not tell by its type that there
// is no token. A network error on the way to a vault would be taken for one on the way to
// the database.
func (l Login) sourceError(err error) error {
	err = withoutBadConn(err)
	if errors.As(err, new(*ConfigError)) || errors.As(err, new(*CredentialsError)) {
		return err
	}
	failed := credentialsError(causes.SourceFailed, aws.Credentials{}, err)
	failed.Login = l
	return failed
}

func errNilSource() error {
	return configError("token-source-nil", "token source", "",
		"is nil", "pass the result of rdsiam.NewTokenSource")
}

// Validate reports a login that no server could accept: a zero endpoint, or a user
// that is empty, has a NUL byte, or is not UTF-8. The error is a [*ConfigError].
func (l Login) Validate() error {
	switch {
	case l.Endpoint.IsZero():
		return configError("endpoint-zero", "endpoint", "",
			"is not set", "make it with rdsiam.ResolveEndpoint")
	case l.User == "":
		return configError("user-empty", "user", "",
			"is empty, and the token is signed for a user",
			"name the database user in the DSN or configuration")
	case strings.ContainsRune(l.User, 0):
		return configError("user-nul", "user", l.User,
			"contains a NUL byte, which ends a name on the wire",
			"name the database user as the database spells it")
	case !utf8.ValidString(l.User):
		return configError("user-not-utf8", "user", l.User,
			"is not valid UTF-8",
			"name the database user as the database spells it")
	}
	return nil
}

// String returns the login as user@host:port.
func (l Login) String() string { return l.User + "@" + l.Endpoint.String() }

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
			"a token that was signed for "+token.signedFor.String()+", not for "+signedFor(l).String(),
			"sign for Endpoint.String(), Endpoint.Region() and User of the Login that the source gets")
	}
	parts := iamtoken.Read(text)
	for _, damage := range parts.Damage {
		return sourceReturned("token-"+string(damage), "a token that "+damage.Problem(), damage.Fix())
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

func sourceReturned(code, what, fix string) *ConfigError {
	return configError(code, "token source", "", "returned "+what, fix)
}

// String returns user@host:port (region), or host (region, action).
func (k tokenKey) String() string {
	if k.action != "" {
		return k.host + " (" + k.region + ", " + k.action + ")"
	}
	return k.user + "@" + k.host + ":" + strconv.Itoa(int(k.port)) + " (" + k.region + ")"
}
