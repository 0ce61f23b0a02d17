package rdsiamtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	service   = "rds-db"
	scopeEnd  = "aws4_request"
	dateForm  = "20060102T150405Z"
	// emptyHash is the SHA-256 of the empty body that is signed.
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// token is an IAM token taken apart: a presigned URL of Signature Version 4
// without its scheme.
type token struct {
	host         string // as written
	port         string // as written; "" if there is none
	user         string
	accessKeyID  string
	region       string
	date         time.Time
	sessionToken string
	signature    string
	parameters   []parameter // all but the signature, sorted as they are signed
}

type parameter struct{ key, value string }

// parseToken reads a token whose parameters may stand in any order. Its refusals
// never quote a value that may be secret.
func parseToken(text string) (token, *Refusal) {
	address, query, ok := strings.Cut(text, "?")
	if !ok {
		return token{}, malformed("no query: a token has the form host:port/?Action=connect&…")
	}
	var t token
	var hasPort bool
	t.host, t.port, hasPort = strings.Cut(strings.TrimSuffix(address, "/"), ":")
	if !isHost(t.host) {
		return token{}, malformed("it does not begin with host:port")
	}
	if _, err := strconv.ParseUint(t.port, 10, 16); err != nil && hasPort {
		return token{}, malformed("its port is not a number from 0 to 65535")
	}
	values, refusal := t.readQuery(query)
	if refusal != nil {
		return token{}, refusal
	}
	if refusal := t.readParameters(values); refusal != nil {
		return token{}, refusal
	}
	return t, nil
}

func malformed(format string, args ...any) *Refusal {
	return &Refusal{ReasonMalformed, fmt.Sprintf(format, args...)}
}

func isHost(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}

// tokenParameters are what a token has, each once; X-Amz-Security-Token only if
// its credentials are temporary.
var tokenParameters = []string{
	"Action", "DBUser", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
	"X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-SignedHeaders",
}

func (t *token) readQuery(query string) (map[string]string, *Refusal) {
	values := make(map[string]string)
	for pair := range strings.SplitSeq(query, "&") {
		key, encoded, _ := strings.Cut(pair, "=")
		if !slices.Contains(tokenParameters, key) {
			return nil, malformed("it has a parameter that tokens do not have")
		}
		value, ok := percentDecode(encoded)
		if !ok {
			return nil, malformed("%s is not percent-encoded", key)
		}
		if _, ok := values[key]; ok {
			return nil, malformed("%s is given twice", key)
		}
		values[key] = value
		if key != "X-Amz-Signature" {
			t.parameters = append(t.parameters, parameter{key, value})
		}
	}
	for _, key := range tokenParameters {
		if _, ok := values[key]; !ok && key != "X-Amz-Security-Token" {
			return nil, malformed("%s is missing", key)
		}
	}
	slices.SortFunc(t.parameters, func(a, b parameter) int { return strings.Compare(a.key, b.key) })
	return values, nil
}

func (t *token) readParameters(values map[string]string) *Refusal {
	fixed := []parameter{{"Action", "connect"}, {"X-Amz-Algorithm", algorithm}, {"X-Amz-SignedHeaders", "host"}}
	for _, f := range fixed {
		if values[f.key] != f.value {
			return malformed("%s is not %s", f.key, f.value)
		}
	}
	var err error
	if t.date, err = time.Parse(dateForm, values["X-Amz-Date"]); err != nil {
		return malformed("X-Amz-Date does not have the form %s", dateForm)
	}
	scope := strings.Split(values["X-Amz-Credential"], "/")
	if len(scope) != 5 || scope[1] != t.date.Format("20060102") || scope[3] != service || scope[4] != scopeEnd {
		return malformed("X-Amz-Credential does not have the form key/%s/region/%s/%s",
			t.date.Format("20060102"), service, scopeEnd)
	}
	t.accessKeyID, t.region = scope[0], scope[2]
	t.user = values["DBUser"]
	t.sessionToken = values["X-Amz-Security-Token"]
	t.signature = values["X-Amz-Signature"]
	expires, err := strconv.Atoi(values["X-Amz-Expires"])
	if err != nil || expires < 1 || expires > int(tokenLifetime/time.Second) {
		return &Refusal{ReasonExpiresParameter, "X-Amz-Expires is not a number from 1 to 900"}
	}
	return nil
}

// signedHosts returns the values of the host header that the token may have been
// signed with. RDS host names are signed in lower case even where a token shows
// them otherwise (botocore). For port 443, the default of HTTPS, some signers
// leave the port out.
func (t token) signedHosts() []string {
	host := strings.ToLower(t.host)
	if t.port == "443" {
		return []string{host + ":" + t.port, host}
	}
	return []string{host + ":" + t.port}
}

// sign computes the signature of the token's parameters with a secret key, as in
// "Authenticating requests: using query parameters (AWS Signature Version 4)".
func (t token) sign(host, secret string) string {
	query := make([]string, len(t.parameters))
	for i, p := range t.parameters {
		query[i] = percentEncode(p.key) + "=" + percentEncode(p.value)
	}
	request := strings.Join([]string{"GET", "/", strings.Join(query, "&"), "host:" + host, "", "host", emptyHash}, "\n")
	requestHash := sha256.Sum256([]byte(request))

	day := t.date.Format("20060102")
	scope := strings.Join([]string{day, t.region, service, scopeEnd}, "/")
	toSign := strings.Join([]string{algorithm, t.date.Format(dateForm), scope, hex.EncodeToString(requestHash[:])}, "\n")

	key := []byte("AWS4" + secret)
	for _, part := range []string{day, t.region, service, scopeEnd, toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// percentEncode encodes every byte that RFC 3986 does not call unreserved.
func percentEncode(s string) string {
	var encoded strings.Builder
	for i := range len(s) {
		if isUnreserved(s[i]) {
			encoded.WriteByte(s[i])
		} else {
			fmt.Fprintf(&encoded, "%%%02X", s[i])
		}
	}
	return encoded.String()
}

// percentDecode is the strict inverse of percentEncode: a byte that should have
// been encoded is an error, above all the + that some decoders take for a space.
func percentDecode(s string) (string, bool) {
	decoded := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case isUnreserved(s[i]):
			decoded = append(decoded, s[i])
		case s[i] == '%' && i+2 < len(s):
			b, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				return "", false
			}
			decoded = append(decoded, b[0])
			i += 2
		default:
			return "", false
		}
	}
	return string(decoded), true
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
