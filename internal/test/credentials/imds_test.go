package credentials_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// instanceMetadata answers as IMDSv2 does on an instance whose role sessions live six hours.
func instanceMetadata(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/api/token"):
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = io.WriteString(w, "token")
	case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
		_, _ = io.WriteString(w, "role")
	default:
		_, _ = io.WriteString(w, keysJSON(1, time.Now().Add(6*time.Hour)))
	}
}

// countingIMDS counts how often the provider asks for credentials, whether or not it gets
// them.
type countingIMDS struct {
	*imds.Client
	asked *atomic.Int64
}

func (c countingIMDS) GetMetadata(ctx context.Context, in *imds.GetMetadataInput, options ...func(*imds.Options)) (*imds.GetMetadataOutput, error) {
	if strings.HasSuffix(in.Path, "/security-credentials/") {
		c.asked.Add(1)
	}
	return c.Client.GetMetadata(ctx, in, options...)
}

// twoHours is what happens in two hours, of which IMDS is away from minute 50 to 70, with a
// login and another AWS call every 15 seconds.
type twoHours struct {
	refused, without int
	asked            atomic.Int64
}

func (h *twoHours) pass(t *testing.T, bare, withLogins bool) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, instanceMetadata)
		instance := func(o *ec2rolecreds.Options) {
			o.Client = countingIMDS{imds.New(imds.Options{HTTPClient: n.client().Freeze(), Endpoint: "http://imds.test"}), &h.asked}
		}
		var provider aws.CredentialsProvider = ec2rolecreds.New(instance)
		if !bare {
			provider = load(t, config.WithEC2RoleCredentialOptions(instance)).Credentials
		}
		source := everyLogin(provider)
		for i := range 480 {
			at := time.Duration(i) * 15 * time.Second
			n.down.Store(at >= 50*time.Minute && at < 70*time.Minute)
			if withLogins {
				if _, _, err := attempt(t, source, 10*time.Second); err != nil {
					h.refused++
					t.Logf("minute %v: %v", at.Minutes(), err)
				}
			}
			if !bare {
				if _, err := provider.Retrieve(t.Context()); err != nil {
					h.without++
				}
			}
			time.Sleep(15 * time.Second)
		}
	})
}

// The SDK goes on with the old credentials while IMDS is away, as long as nobody invalidates
// the cache.
func TestInstanceRoleWhileIMDSIsAway(t *testing.T) {
	home(t, nil)
	var alone, shared, bare twoHours
	alone.pass(t, false, false)
	shared.pass(t, false, true)
	bare.pass(t, true, true)
	if shared.refused != 0 || shared.without != 0 || bare.refused != 0 {
		t.Errorf("%d of 480 logins refused, %d of 480 other calls without credentials; bare provider: %d refused",
			shared.refused, shared.without, bare.refused)
	}
	t.Logf("IMDS asked %d times, %d without logins; bare %d", shared.asked.Load(), alone.asked.Load(), bare.asked.Load())
	// The SDK asks again after a random 5 to 15 minutes.
	if more := shared.asked.Load() - alone.asked.Load(); more > 3 || bare.asked.Load() > alone.asked.Load()+3 {
		t.Errorf("IMDS asked %d times, %d without logins; bare %d", shared.asked.Load(), alone.asked.Load(), bare.asked.Load())
	}
}
