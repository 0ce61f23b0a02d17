package credentials_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// network connects the SDK's own HTTP client with a handler by pipes, which the clock of
// testing/synctest knows. Only the dial is not the SDK's.
type network struct {
	down    atomic.Bool // dials fail
	asked   atomic.Int64
	conns   chan net.Conn
	closed  chan struct{}
	closing sync.Once
}

// serve starts a server for the rest of the test, which must be in a bubble.
func serve(t *testing.T, handler http.HandlerFunc) *network {
	t.Helper()
	n := &network{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.asked.Add(1)
		handler(w, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(n)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		time.Sleep(2 * time.Minute) // requests in the background end
	})
	return n
}

// client returns the SDK's client, which reaches only this network.
func (n *network) client() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(transport *http.Transport) {
		transport.Proxy = nil
		transport.DialContext = n.dial
	})
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	if n.down.Load() {
		n.asked.Add(1)
		return nil, fmt.Errorf("dial %s: connection refused", address)
	}
	ours, theirs := net.Pipe()
	select {
	case n.conns <- theirs:
		return ours, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements [net.Listener].
func (n *network) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (n *network) Close() error {
	n.closing.Do(func() { close(n.closed) })
	return nil
}

// Addr implements [net.Listener].
func (n *network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// silence answers nothing until the client or server closes the connection.
func silence(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the server sees the end of the connection only after it
	<-r.Context().Done()
}

// keysJSON is what IMDS and container agents answer.
func keysJSON(n int64, expires time.Time) string {
	return fmt.Sprintf(`{"Code":"Success","AccessKeyId":"ASIA%d","SecretAccessKey":"secret","Token":"session","Expiration":%q}`,
		n, expires.UTC().Format(time.RFC3339))
}

// roleXML is what STS answers.
func roleXML(action string, n int64, expires time.Time) string {
	return fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/app/x</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>ASIA%d</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>%s</Expiration></Credentials>
</%[1]sResult></%[1]sResponse>`, action, n, expires.UTC().Format(time.RFC3339))
}
