package pgrelay_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/internal/pgrelay"
)

// encoder is a message of either end.
type encoder interface {
	Encode([]byte) ([]byte, error)
}

func encoded(t *testing.T, messages ...encoder) *bytes.Buffer {
	t.Helper()
	var all []byte
	for _, message := range messages {
		var err error
		if all, err = message.Encode(all); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.NewBuffer(all)
}

// What a client sends behind its password is left for whoever reads next.
func TestStartupMessages(t *testing.T) {
	const behind = "what is behind it"
	for name, slowly := range map[string]func(io.Reader) io.Reader{
		"at once":      func(r io.Reader) io.Reader { return r },
		"byte by byte": iotest.OneByteReader,
		"by halves":    iotest.HalfReader,
	} {
		t.Run(name, func(t *testing.T) {
			stream := encoded(t,
				&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "app"}},
				&pgproto3.PasswordMessage{Password: strings.Repeat("x", 60_000)})
			stream.WriteString(behind)
			backend := pgproto3.NewBackend(pgrelay.StartupMessages(slowly(stream)), io.Discard)
			startup, err := backend.ReceiveStartupMessage()
			if err != nil || startup.(*pgproto3.StartupMessage).Parameters["user"] != "app" {
				t.Fatalf("got %v, %v", startup, err)
			}
			if err := backend.SetAuthType(pgproto3.AuthTypeCleartextPassword); err != nil {
				t.Fatal(err)
			}
			message, err := backend.Receive()
			if err != nil || len(message.(*pgproto3.PasswordMessage).Password) != 60_000 {
				t.Fatalf("got %T, %v", message, err)
			}
			if got := stream.String(); got != behind {
				t.Errorf("%q is left, want %q", got, behind)
			}
		})
	}
}

// What a server sends behind the end of a login is left too.
func TestMessages(t *testing.T) {
	notice := &pgproto3.NoticeResponse{Severity: "NOTICE", Message: "behind it"}
	stream := encoded(t, &pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'}, notice)
	frontend := pgproto3.NewFrontend(pgrelay.Messages(stream), io.Discard)
	for range 2 {
		if _, err := frontend.Receive(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := stream.Bytes(), encoded(t, notice).Bytes(); !bytes.Equal(got, want) {
		t.Errorf("%q is left, want %q", got, want)
	}
}

// A length that is no length moves the reader nowhere; pgproto3 refuses it.
func TestMessagesImpossibleLength(t *testing.T) {
	frontend := pgproto3.NewFrontend(pgrelay.Messages(bytes.NewBufferString("Z\x00\x00\x00\x01I")), io.Discard)
	if message, err := frontend.Receive(); err == nil {
		t.Errorf("got %T", message)
	}
}
