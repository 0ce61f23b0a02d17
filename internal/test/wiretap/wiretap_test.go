package wiretap_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/internal/test/wiretap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecorderFinds(t *testing.T) {
	const secret = "IQoJb3/+=token&X-Amz"
	tests := []struct {
		name   string
		writes []string
		want   bool
	}{
		{"raw", []string{"before " + secret + " after"}, true},
		{"in one write for each byte", bytesOf(secret), true},
		{"percent-encoded", []string{url.QueryEscape(secret)}, true},
		{"percent-encoded in lower case", []string{"IQoJb3%2f%2b%3dtoken%26X-Amz"}, true},
		{"percent-encoded in part", []string{"IQoJb3%2F+=token%26X-Amz"}, true},
		{"percent-encoded twice", []string{url.QueryEscape(url.QueryEscape(secret))}, true},
		{"percent-encoded across writes", []string{"IQoJb3%", "2F%2", "B%3Dtoken%26X-Amz"}, true},
		{"the beginning only", []string{secret[:len(secret)-1]}, false},
		{"nothing", nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			recorder := wiretap.New()
			conn := dial(t, recorder)
			for _, data := range test.writes {
				if _, err := conn.Write([]byte(data)); err != nil {
					t.Fatal(err)
				}
			}
			if got := slices.Contains(recorder.Find(secret), secret); got != test.want {
				t.Errorf("found: %v, want %v", got, test.want)
			}
		})
	}
}

func TestRecorderHearsBothDirections(t *testing.T) {
	recorder := wiretap.New()
	conn := dial(t, recorder)
	if _, err := conn.Write([]byte("question")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, len("question"))); err != nil {
		t.Fatal(err)
	}
	if got, want := recorder.Bytes(), 2*len("question"); got != want {
		t.Errorf("recorded %d bytes, want %d", got, want)
	}
	if got := recorder.Find("questionquestion"); len(got) > 0 {
		t.Errorf("found %q, which no direction carried", got)
	}
	if got := recorder.Dials(); got != 1 {
		t.Errorf("%d dials, want 1", got)
	}
}

// dial connects to a server that answers with what it was sent.
func dial(t *testing.T, recorder *wiretap.Recorder) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	echo := make(chan []byte, 64)
	go func() {
		defer close(echo)
		for {
			data := make([]byte, 1024)
			n, err := server.Read(data)
			if err != nil {
				return
			}
			echo <- data[:n]
		}
	}()
	go func() {
		defer close(done)
		for data := range echo {
			_, _ = server.Write(data)
		}
	}()
	t.Cleanup(func() { client.Close(); server.Close(); <-done })
	conn, err := recorder.Dial(func(context.Context, string, string) (net.Conn, error) { return client, nil })(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func bytesOf(text string) []string {
	var all []string
	for _, b := range []byte(text) {
		all = append(all, string(b))
	}
	return all
}
