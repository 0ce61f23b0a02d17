package credentials_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const roleProfile = `[default]
role_arn = arn:aws:iam::123456789012:role/app
source_profile = base
[profile base]
aws_access_key_id = AKIDBASE
aws_secret_access_key = secret
`

// ssoProfile is a profile of a session that is valid for a day from the beginning of a
// bubble's time.
const (
	ssoProfile = `[default]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = app
[sso-session corp]
sso_region = us-east-1
sso_start_url = https://example.awsapps.com/start
sso_registration_scopes = sso:account:access
`
	ssoTokenFile = "sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json" // SHA-1 of "corp"
	ssoToken     = `{"accessToken":"token","expiresAt":"2000-01-02T00:00:00Z"}`
)

// A login after the other for a day, through an STS that takes up to two seconds.
func TestADayOfAssumedRoles(t *testing.T) {
	home(t, nil)
	for name, wrap := range map[string]func(aws.CredentialsProvider) aws.CredentialsProvider{
		"bare":  func(p aws.CredentialsProvider) aws.CredentialsProvider { return p },
		"cache": func(p aws.CredentialsProvider) aws.CredentialsProvider { return aws.NewCredentialsCache(p) },
	} {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int64
			n := serve(t, func(w http.ResponseWriter, r *http.Request) {
				call := asked.Add(1)
				time.Sleep(time.Duration(call%9) * 250 * time.Millisecond)
				_, _ = io.WriteString(w, roleXML("AssumeRole", call, time.Now().Add(time.Hour)))
			})
			client := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://sts.test"), HTTPClient: n.client(),
				Credentials: credentials.NewStaticCredentialsProvider("AKIDBASE", "secret", "")})
			source := everyLogin(wrap(stscreds.NewAssumeRoleProvider(client, "arn:aws:iam::123456789012:role/app")))
			start := time.Now()
			var slowest time.Duration
			var logins, slow int
			for time.Since(start) < 24*time.Hour {
				token, took, err := attempt(t, source, 30*time.Second)
				if err != nil || time.Until(token.Expires()) < 4*time.Second {
					t.Fatalf("%s: after %v: %v, %v", name, time.Since(start), token, err)
				}
				if logins++; took > 2500*time.Millisecond {
					slow++
				}
				slowest = max(slowest, took)
				time.Sleep(pause(time.Since(start)) - took%time.Second)
			}
			t.Logf("%s: %d logins, slowest %v, %d over 2.5 s, STS asked %d times", name, logins, slowest, slow, asked.Load())
			if lives := int64(25); asked.Load() > lives || slowest > 8*time.Second {
				t.Errorf("%s: STS asked %d times in 24 lives, slowest login %v", name, asked.Load(), slowest)
			}
		})
	}
}

// pause is shorter where the credentials of an hour end.
func pause(at time.Duration) time.Duration {
	if at %= time.Hour; at < 3*time.Minute || at > 56*time.Minute {
		return 3 * time.Second
	}
	return time.Minute
}

// The request of a cache that STS or SSO does not answer can be ended by nobody.
func TestServiceThatNeverAnswers(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"STS": {"config": roleProfile},
		"SSO": {"config": ssoProfile, ssoTokenFile: ssoToken},
	} {
		home(t, files)
		synctest.Test(t, func(t *testing.T) {
			n := serve(t, silence)
			source := everyLogin(load(t, config.WithHTTPClient(n.client()), config.WithBaseEndpoint("http://service.test")).Credentials)
			for i := range 8 {
				_, took, err := attempt(t, source, 10*time.Second)
				want, fix := "credentials-silent", "can be reached"
				if i >= 5 {
					want, fix = "credentials-hung", "config.WithHTTPClient"
				}
				if codeOf(err) != want || !strings.Contains(err.Error(), fix) || took != 10*time.Second {
					t.Errorf("%s, login %d: %v after %v", name, i, err, took)
				}
			}
			if asked := n.asked.Load(); asked != 1 {
				t.Errorf("%s asked %d times", name, asked)
			}
		})
	}
}

// The option that the advice names does what it says.
func TestTimeLimitHealsAService(t *testing.T) {
	home(t, map[string]string{"config": roleProfile})
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) == 1 {
				silence(w, r)
				return
			}
			_, _ = io.WriteString(w, roleXML("AssumeRole", 1, time.Now().Add(time.Hour)))
		})
		source := everyLogin(load(t, config.WithHTTPClient(n.client().WithTimeout(10*time.Second)), config.WithBaseEndpoint("http://sts.test")).Credentials)
		if _, took, err := attempt(t, source, 30*time.Second); err != nil || took < 10*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}
