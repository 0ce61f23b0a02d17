package rdsiam

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	iamtoken "github.com/rdsiam/rdsiam/internal/token"
)

// emptyHash is the SHA-256 of the empty body that is signed.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// dsqlAction is what a user of Aurora DSQL does: IAM decides on a cluster and on whether it is
// admin, the database on which role it is.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/authentication-authorization.html
func dsqlAction(user string) string {
	if user == "admin" {
		return iamtoken.DBConnectAdmin
	}
	return iamtoken.DBConnect
}

// presignDSQL returns the text of a token for Aurora DSQL: for the host without a port, and
// for no user but for an action.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/SECTION_authentication-token.html
func presignDSQL(ctx context.Context, login Login, credentials aws.Credentials) (string, error) {
	query := url.Values{
		iamtoken.Action:  {dsqlAction(login.User)},
		iamtoken.Expires: {strconv.Itoa(int(tokenLifetime.Seconds()))},
	}
	const scheme = "https://"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+login.Endpoint.host+"/?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, credentials, request, emptyHash, iamtoken.DSQL, login.Endpoint.region, time.Now())
	return strings.TrimPrefix(signed, scheme), err
}
