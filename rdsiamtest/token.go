package rdsiamtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	iamtoken "github.com/rdsiam/rdsiam/internal/token"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	scopeEnd  = "aws4_request"
	// emptyHash is the SHA-256 of the empty body that is signed.
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// token is a token that a client showed.
type token struct{ iamtoken.Token }

// parseToken reads a token strictly. Its refusals never quote a value that may be secret.
func parseToken(text string) (token, *Refusal) {
	t, err := iamtoken.Parse(text)
	if err == nil {
		return token{t}, nil
	}
	reason := ReasonMalformed
	if broken := (*iamtoken.Error)(nil); errors.As(err, &broken) && broken.OutOfRange {
		reason = ReasonExpiresParameter
	}
	return token{}, &Refusal{reason, err.Error()}
}

// signedHosts returns the values of the host header that the token may have been
// signed with. RDS host names are signed in lower case even where a token shows
// them otherwise (botocore). For port 443, the default of HTTPS, some signers
// leave the port out. Aurora DSQL has none.
func (t token) signedHosts() []string {
	host := strings.ToLower(t.Host)
	if t.Service == iamtoken.DSQL {
		return []string{host}
	}
	if t.Port == "443" {
		return []string{host + ":" + t.Port, host}
	}
	return []string{host + ":" + t.Port}
}

// sign computes the signature of the token's parameters with a secret key, as in
// "Authenticating requests: using query parameters (AWS Signature Version 4)".
func (t token) sign(host, secret string) string {
	query := make([]string, len(t.Parameters))
	for i, p := range t.Parameters {
		query[i] = iamtoken.Encode(p.Name) + "=" + iamtoken.Encode(p.Value)
	}
	request := strings.Join([]string{"GET", "/", strings.Join(query, "&"), "host:" + host, "", "host", emptyHash}, "\n")
	requestHash := sha256.Sum256([]byte(request))

	day := t.Signed.Format("20060102")
	scope := strings.Join([]string{day, t.Region, t.Service, scopeEnd}, "/")
	toSign := strings.Join([]string{algorithm, t.Signed.Format(iamtoken.DateForm), scope, hex.EncodeToString(requestHash[:])}, "\n")

	key := []byte("AWS4" + secret)
	for _, part := range []string{day, t.Region, t.Service, scopeEnd, toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}
