package credentials_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/causes"
)

// failure is a way in which a strategy fails.
type failure struct {
	name      string
	files     map[string]string // below .aws
	env       map[string]string
	handler   http.HandlerFunc // of every service; nil: none can be reached
	want      string           // the code
	retryable bool
}

const (
	chainedSSO = `[default]
role_arn = arn:aws:iam::123456789012:role/app
source_profile = sso
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = app
[sso-session corp]
sso_region = us-east-1
sso_start_url = https://example.awsapps.com/start
`
	legacySSO = `[default]
sso_region = us-east-1
sso_start_url = https://example.awsapps.com/start
sso_account_id = 123456789012
sso_role_name = app
`
	oldSSOToken  = `{"accessToken":"token","expiresAt":"1999-01-01T00:00:00Z","clientId":"id","clientSecret":"secret","refreshToken":"refresh","registrationExpiresAt":"2001-01-01T00:00:00Z"}`
	goneSSOToken = `{"accessToken":"token","expiresAt":"1999-01-01T00:00:00Z"}`
	loginProfile = "[default]\nlogin_session = arn:aws:iam::123456789012:user/me\n"
)

var (
	role        = map[string]string{"config": roleProfile}
	webIdentity = map[string]string{"config": "[default]\nrole_arn = arn:aws:iam::123456789012:role/app\nweb_identity_token_file = TOKENFILE\n", "token": "jwt"}
	sso         = map[string]string{"config": ssoProfile, ssoTokenFile: ssoToken}
	container   = map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": agentURL}
	instance    = map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://imds.test"}
)

// refuse answers as STS does.
func refuse(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, message)
	}
}

// refuseJSON answers as SSO and aws login do.
func refuseJSON(status int, code, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", code)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func answer(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// onIMDS answers like IMDS, but for the path that ends so.
func onIMDS(suffix string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, suffix) {
			handler(w, r)
			return
		}
		instanceMetadata(w, r)
	}
}

var failures = []failure{
	{"none configured, IMDS off", nil, map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}, nil, "credentials-not-configured", false},
	{"key without secret, IMDS off", nil, map[string]string{"AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": "AKID"}, nil, "credentials-not-configured", false},

	{"IMDS unreachable", nil, instance, nil, "imds-unreachable", true},
	{"IMDS behind a hop limit", nil, instance, silence, "imds-unreachable", true},
	{"IMDS silent after its token", nil, instance, onIMDS("/role", silence), "imds-unreachable", true},
	{"no instance role", nil, instance, onIMDS("/security-credentials/", answer(404, "not found")), "instance-role-missing", false},
	{"empty list of roles", nil, instance, onIMDS("/security-credentials/", answer(200, "")), "instance-role-missing", false},
	{"IMDS off for the instance", nil, instance, answer(403, ""), "imds-failed", true},
	{"IMDS broken", nil, instance, onIMDS("/role", answer(500, "")), "imds-failed", true},
	{"IMDS without credentials", nil, instance, onIMDS("/role", answer(200, `{"Code":"AssumeRoleUnauthorizedAccess","Message":"x"}`)), "imds-failed", true},
	{"IMDS answers no JSON", nil, instance, onIMDS("/role", answer(200, "<html>")), "imds-failed", true},

	{"SSO session missing", map[string]string{"config": ssoProfile}, nil, nil, "sso-session-ended", false},
	{"SSO session expired", map[string]string{"config": ssoProfile, ssoTokenFile: goneSSOToken}, nil, nil, "sso-session-ended", false},
	{"SSO session cannot be refreshed", map[string]string{"config": ssoProfile, ssoTokenFile: oldSSOToken}, nil, refuseJSON(400, "InvalidGrantException", `{"error":"invalid_grant"}`), "sso-session-ended", false},
	{"SSO session revoked", sso, nil, refuseJSON(401, "UnauthorizedException", `{"message":"Session token not found or invalid"}`), "sso-session-ended", false},
	{"SSO session missing, legacy", map[string]string{"config": legacySSO}, nil, nil, "sso-session-ended", false},
	{"SSO session missing behind a role", map[string]string{"config": chainedSSO}, nil, nil, "sso-session-ended", false},
	{"SSO account not assigned", sso, nil, refuseJSON(403, "ForbiddenException", `{"message":"No access"}`), "sso-role-denied", false},
	{"SSO role unknown", sso, nil, refuseJSON(404, "ResourceNotFoundException", `{"message":"x"}`), "sso-role-denied", false},
	{"SSO throttles", sso, nil, refuseJSON(429, "TooManyRequestsException", `{"message":"x"}`), "credentials-throttled", true},
	{"SSO unreachable", sso, nil, nil, "credentials-unreachable", true},
	{"SSO fails", sso, nil, answer(500, ""), "credentials-unreachable", true},

	{"aws login missing", map[string]string{"config": loginProfile}, nil, nil, "login-session-ended", false},
	{"aws login expired", loginFiles(), nil, refuseJSON(400, "AccessDeniedException", `{"error":"TOKEN_EXPIRED","message":"x"}`), "login-session-ended", false},
	{"aws login, password changed", loginFiles(), nil, refuseJSON(400, "AccessDeniedException", `{"error":"USER_CREDENTIALS_CHANGED","message":"x"}`), "login-session-ended", false},
	{"aws login without the permission", loginFiles(), nil, refuseJSON(400, "AccessDeniedException", `{"error":"INSUFFICIENT_PERMISSIONS","message":"x"}`), "login-session-denied", false},
	{"aws login unreachable", loginFiles(), nil, nil, "credentials-unreachable", true},

	{"web identity file missing", map[string]string{"config": "[default]\nrole_arn = arn:aws:iam::123456789012:role/app\nweb_identity_token_file = /nowhere\n"}, nil, nil, "web-identity-file", false},
	{"web identity expired", webIdentity, nil, refuse(400, "ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time"), "web-identity-expired", true},
	{"web identity not accepted", webIdentity, nil, refuse(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account"), "web-identity-rejected", false},
	{"web identity denied", webIdentity, nil, refuse(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"), "assume-role-denied", false},

	{"AssumeRole denied", role, nil, refuse(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole"), "assume-role-denied", false},
	{"source credentials expired", role, nil, refuse(403, "ExpiredToken", "The security token included in the request is expired"), "source-credentials-rejected", false},
	{"source key unknown", role, nil, refuse(403, "InvalidClientTokenId", "The security token included in the request is invalid."), "source-credentials-rejected", false},
	{"source secret wrong", role, nil, refuse(403, "SignatureDoesNotMatch", "The request signature we calculated does not match"), "source-credentials-rejected", false},
	{"clock behind", role, nil, refuse(403, "SignatureDoesNotMatch", "Signature expired: 20000101T000000Z is now earlier than 20000101T001000Z"), "clock-wrong", false},
	{"clock ahead", role, nil, refuse(403, "SignatureDoesNotMatch", "Signature not yet current: 20000101T002000Z is still later than 20000101T001500Z"), "clock-wrong", false},
	{"clock, as other services say it", role, nil, refuse(403, "RequestTimeTooSkewed", "The difference is too large"), "clock-wrong", false},
	{"duration too long", role, nil, refuse(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration"), "assume-role-invalid", false},
	{"STS throttles", role, nil, refuse(400, "Throttling", "Rate exceeded"), "credentials-throttled", true},
	{"STS unreachable", role, nil, nil, "credentials-unreachable", true},
	{"STS fails", role, nil, answer(503, ""), "credentials-unreachable", true},

	{"container refuses", nil, container, answer(400, "no role"), "container-credentials-denied", false},
	{"container knows no role", nil, container, answer(404, "not found"), "container-credentials-denied", false},
	{"container's token expired", nil, container, answer(401, "token is expired"), "container-token-expired", true},
	{"container throttles", nil, container, answer(429, ""), "credentials-throttled", true},
	{"container fails", nil, container, answer(500, "internal error"), "container-credentials-failed", true},
	{"container answers no JSON", nil, container, answer(200, "<html>"), "container-credentials-failed", true},
	{"container unreachable", nil, container, nil, "container-credentials-failed", true},
	{"container silent", nil, container, silence, "credentials-silent", true},
	{"container's token file missing", nil, with(container, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere"), nil, "container-token-file", false},
	{"STS silent", role, nil, silence, "credentials-silent", true},
}

func with(env map[string]string, name, value string) map[string]string {
	more := maps.Clone(env)
	more[name] = value
	return more
}

// loginFiles is a session of aws login whose keys must be refreshed.
func loginFiles() map[string]string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(map[string]any{
		"accessToken": map[string]string{"accessKeyId": "ASIA1", "secretAccessKey": "secret", "sessionToken": "session",
			"accountId": "123456789012", "expiresAt": "1999-01-01T00:00:00Z"},
		"tokenType": "aws_sigv4", "refreshToken": "refresh", "identityToken": "id", "clientId": "arn:aws:signin:::devtools/same-device",
		"dpopKey": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		panic(err)
	}
	name := sha256.Sum256([]byte("arn:aws:iam::123456789012:user/me"))
	return map[string]string{"config": loginProfile, filepath.Join("login/cache", hex.EncodeToString(name[:])+".json"): string(text)}
}

// Every cause has a fix of its own, and says whether a person must act.
func TestCausesOfTheProviders(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			files := maps.Clone(f.files)
			if files != nil {
				files["config"] = strings.ReplaceAll(files["config"], "TOKENFILE", filepath.Join(t.TempDir(), "token"))
			}
			home(t, files)
			for name, value := range f.env {
				t.Setenv(name, value)
			}
			if f.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] == "" {
				t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			}
			useTokenFile(t, files)
			synctest.Test(t, func(t *testing.T) {
				n := serve(t, f.handler)
				n.down.Store(f.handler == nil)
				cfg := load(t, config.WithHTTPClient(n.client().Freeze()), config.WithBaseEndpoint("http://service.test"),
					config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = n.client() }))
				_, _, err := attempt(t, everyLogin(cfg.Credentials), 40*time.Second)
				check(t, err, f.want, f.retryable)
				seen[codeOf(err)] = true
			})
		})
	}
	for _, elsewhere := range []string{"canceled", "credentials-empty", "credentials-expired", "signing-failed", "token-source-failed", "token-expired",
		"credentials-hung", "container-credentials-hung", "process-timeout", "process-failed", "process-output", "credentials-failed"} {
		seen[elsewhere] = true // tested there
	}
	for _, cause := range causes.CredentialsCauses() {
		if !seen[cause.Code] {
			t.Errorf("no provider makes %s", cause.Code)
		}
	}
}

// useTokenFile writes the file that the profile names.
func useTokenFile(t *testing.T, files map[string]string) {
	t.Helper()
	_, path, ok := strings.Cut(files["config"], "web_identity_token_file = ")
	if !ok || files["token"] == "" {
		return
	}
	writeFile(t, strings.TrimSpace(path), files["token"])
}

func check(t *testing.T, err error, code string, retryable bool) {
	t.Helper()
	var failed *rdsiam.CredentialsError
	if !errors.As(err, &failed) {
		t.Fatalf("got %T: %v", err, err)
	}
	explained := rdsiam.Explain(err)
	if failed.Code != code || failed.Retryable() != retryable || failed.Fix == "" || explained.Retryable != retryable ||
		len(explained.Causes) != 1 || explained.Causes[0].Fix != failed.Fix {
		t.Errorf("code %s, retryable %v, want %s, %v: %v\nexplained as %+v", failed.Code, failed.Retryable(), code, retryable, err, explained)
	}
}

func TestCausesOfAProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a POSIX shell: run this test on Linux or macOS")
	}
	for _, test := range []struct {
		command, want string
		retryable     bool
	}{
		{"exit 1", "process-failed", true},
		{"no-such-command-anywhere", "process-failed", true},
		{"exec sleep 60", "process-timeout", true},
		{"echo not logged in", "process-output", false},
		{"echo '{\"Version\":2}'", "process-output", false},
		{"echo '{\"Version\":1,\"AccessKeyId\":\"AKID\"}'", "process-output", false},
	} {
		home(t, map[string]string{"config": "[default]\ncredential_process = " + test.command + "\n"})
		limit := func(o *processcreds.Options) {
			if test.want == "process-timeout" {
				o.Timeout = 50 * time.Millisecond
			}
		}
		_, _, err := attempt(t, everyLogin(load(t, config.WithProcessCredentialOptions(limit)).Credentials), time.Minute)
		check(t, err, test.want, test.retryable)
	}
}

func TestCausesWithoutAProvider(t *testing.T) {
	_, _, err := attempt(t, everyLogin(aws.AnonymousCredentials{}), time.Minute)
	check(t, err, "credentials-not-configured", false)
}
