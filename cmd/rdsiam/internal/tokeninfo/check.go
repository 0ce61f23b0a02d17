package tokeninfo

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/token"
)

const (
	// lifetime is how long RDS accepts a token.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
	lifetime = 15 * time.Minute

	// longestDSQL is the most that a token of Aurora DSQL may ask for.
	// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/SECTION_authentication-token.html
	longestDSQL = 7 * 24 * time.Hour

	// maxSkew is how far ahead AWS lets clocks be elsewhere. That of RDS is not documented.
	maxSkew = 5 * time.Minute
)

// isDSQL reports whether it is a token of Aurora DSQL, which names no port and no user, and
// lives as long as it says.
func (r *reader) isDSQL() bool { return r.parts.IsDSQL() }

// readScope reads KEY/DATE/REGION/SERVICE/aws4_request.
func (r *reader) readScope() {
	if r.value(token.Credential) == "" {
		return // complained of already
	}
	scope, ok := r.parts.Scope()
	if !ok {
		r.fail("X-Amz-Credential is not of the form KEY/DATE/REGION/SERVICE/aws4_request", signAgain)
		return
	}
	r.info.AccessKeyID, r.info.Region = scope.AccessKeyID, scope.Region
	want := token.RDS
	if r.isDSQL() {
		want = token.DSQL
	}
	if scope.Service != want {
		r.fail("it is signed for the service "+shown(scope.Service)+", not for "+want, "sign with rdsiam token, or an SDK's signer for it")
	}
	if date := r.value(token.Date); date != "" && !strings.HasPrefix(date, scope.Day) {
		r.fail("the day in X-Amz-Credential, "+shown(scope.Day)+", is not that of X-Amz-Date, "+shown(date), signAgain)
	}
}

// readAddress reads host and port, and what they say about region and kind.
func (r *reader) readAddress() {
	address := r.parts.Address
	host, _, err := net.SplitHostPort(address)
	switch {
	case r.isDSQL() && (err == nil || strings.ContainsAny(address, "@=&:")):
		r.fail("it does not begin with HOST/; a token of Aurora DSQL names no port", "sign for the host")
		return
	case r.isDSQL():
		host = address
	case err != nil || strings.ContainsAny(address, "@=&"):
		r.fail("it does not begin with HOST:PORT; the port is signed too", "sign for host and port")
		return
	}
	r.info.Endpoint = address
	if !r.parts.Slash {
		r.warn("the slash before ? is missing, and some Aurora PostgreSQL endpoints refuse that", "put it in: the signature is the same")
	}
	if host != strings.ToLower(host) {
		r.warn("the host is not in small letters, and what is signed depends on the tool", "sign for "+strings.ToLower(host))
	}
	endpoint, err := rdsiam.ResolveEndpoint(address, 1)
	var problem *rdsiam.ConfigError
	if err != nil && r.info.Region != "" {
		// The writer endpoint of a global database does not tell the region.
		if global, err := rdsiam.ResolveEndpoint(address, 1, rdsiam.WithRegion(r.info.Region)); err == nil && global.Kind() == rdsiam.KindGlobalWriter {
			r.info.Kind = global.Kind().String()
			return
		}
	}
	if errors.As(err, &problem) {
		r.fail("it is signed for "+address+", and AWS accepts only names of RDS endpoints",
			"sign for the RDS endpoint behind it: rdsiam token --endpoint; a tunnel or alias is for the client to dial")
		return
	}
	r.info.Kind = endpoint.Kind().String()
	if region := r.info.Region; region != "" && region != endpoint.Region() {
		r.fail("it is signed for the region "+shown(region)+", and the host is in "+endpoint.Region(), "sign for "+endpoint.Region())
	}
}

func (r *reader) readTimes() {
	signed, ok := r.parts.Signed()
	if !ok {
		if r.value(token.Date) != "" {
			r.fail("X-Amz-Date is not of the form 20260102T030405Z", signAgain)
		}
		return
	}
	good, most := lifetime, lifetime
	if r.isDSQL() {
		most = longestDSQL
	}
	switch asked, ok := r.parts.Lifetime(); {
	case r.value(token.Expires) == "":
	case !ok || asked <= 0:
		r.fail("X-Amz-Expires is not a number of seconds", signAgain)
	case asked > most:
		r.fail("X-Amz-Expires asks for more than "+Rough(most)+", which is refused", "sign for 900 seconds")
	case r.isDSQL():
		good = asked
	case asked < lifetime:
		good = asked
		r.warn("X-Amz-Expires asks for less than 15 minutes, which RDS does not keep to", "sign for 900 seconds")
	}
	r.info.Signed, r.info.Expires = signed, signed.Add(good)
	switch {
	case !r.now.Before(r.info.Expires):
		r.fail("it expired "+Rough(r.now.Sub(r.info.Expires))+" ago", signAgain+" for each connection")
	case signed.Sub(r.now) > maxSkew:
		r.fail("it was signed "+Rough(signed.Sub(r.now))+" in the future", "set the clock of the machine that signs, or of this one")
	}
}

// checkFixed checks what is the same in every token.
func (r *reader) checkFixed() {
	switch action := r.value(token.Action); {
	case action == "":
	case r.isDSQL() && action != token.DBConnect && action != token.DBConnectAdmin:
		r.fail("its Action is "+shown(action)+", neither DbConnect nor DbConnectAdmin", signAgain)
	case !r.isDSQL() && action != token.Connect:
		r.fail("its Action is "+shown(action)+", not connect", signAgain)
	}
	if r.isDSQL() && r.value(token.User) != "" {
		r.fail("it names a user, and a token of Aurora DSQL does not", signAgain)
	}
	for _, fixed := range [...]struct{ name, want string }{{token.Algorithm, "AWS4-HMAC-SHA256"}, {token.SignedHeaders, "host"}} {
		if value := r.value(fixed.name); value != "" && value != fixed.want {
			r.fail(fixed.name+" is "+shown(value)+", not "+fixed.want, signAgain)
		}
	}
	if signature := r.value(token.Signature); signature != "" && !token.IsSignature(signature) {
		r.fail("the signature has "+strconv.Itoa(len(signature))+" characters, or others than it should: 64 hexadecimal digits",
			"look for what cut or changed the token on its way")
	}
}

// checkSession checks what temporary credentials bring along.
func (r *reader) checkSession() {
	switch raw := r.parts.Get(token.SecurityToken).Raw; {
	case raw == "" && strings.HasPrefix(r.info.AccessKeyID, "ASIA"):
		r.fail("the access key is a temporary one, and the session token that belongs to it is not in the token",
			"give the signer AWS_SESSION_TOKEN too")
	case strings.ContainsAny(raw, "+/="):
		r.fail("the session token inside is not percent-encoded: something decoded the token", asPrinted)
	}
}

// Rough returns a duration for people, such as "3 minutes".
func Rough(d time.Duration) string {
	for _, unit := range [...]struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(d / unit.of); n > 1 || n == 1 && unit.of == time.Second {
			text := strconv.Itoa(n) + " " + unit.name
			if n > 1 {
				text += "s"
			}
			return text
		}
	}
	return "less than a second"
}
