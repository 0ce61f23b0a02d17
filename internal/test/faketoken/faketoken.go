// Package faketoken makes texts that have the form of a token and a signature of nobody.
package faketoken

import (
	"net/url"
	"strings"

	"github.com/rdsiam/rdsiam"
)

// Signature is that of every token of this package.
const Signature = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// Text returns a token for login of 2026-01-02, from a key without a session token. Its
// expiry, which is long past, has to be given to rdsiam.NewToken.
func Text(login rdsiam.Login) string {
	return login.Endpoint.String() + "/?Action=connect&DBUser=" +
		strings.ReplaceAll(url.QueryEscape(login.User), "+", "%20") +
		"&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2F" + login.Endpoint.Region() +
		"%2Frds-db%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host" +
		"&X-Amz-Signature=" + Signature
}
