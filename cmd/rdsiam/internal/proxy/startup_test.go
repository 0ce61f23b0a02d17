package proxy_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

// script is a client that sends what it has, whatever it is told.
type script struct {
	io.Reader
	told bytes.Buffer
}

func (s *script) Write(b []byte) (int, error) { return s.told.Write(b) }

func startupMessage(version uint32, parameters map[string]string) string {
	encoded, err := (&pgproto3.StartupMessage{ProtocolVersion: version, Parameters: parameters}).Encode(nil)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

func TestReadStartup(t *testing.T) {
	const (
		ssl = "\x00\x00\x00\x08\x04\xd2\x16\x2f"
		gss = "\x00\x00\x00\x08\x04\xd2\x16\x30"
	)
	me := map[string]string{"user": "me"}
	plain := startupMessage(3<<16, me)
	tests := []struct {
		name, sent, told   string
		cancel, negotiated bool
		fails              string
	}{
		{name: "plain", sent: plain},
		{name: "after TLS and GSSAPI", sent: ssl + gss + plain, told: "NN"},
		{name: "version 3.2", sent: startupMessage(3<<16|2, me)},
		{name: "version of the future", sent: startupMessage(3<<16|9999, me), negotiated: true},
		{name: "option of the future", sent: startupMessage(3<<16, map[string]string{"user": "me", "_pq_.x": "1"}), negotiated: true},
		{name: "cancel", sent: "\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01abcd", cancel: true},
		{name: "short cancel", sent: "\x00\x00\x00\x08\x04\xd2\x16\x2e", fails: "does not speak"},
		{name: "version 2", sent: startupMessage(2<<16, me), fails: "version 2.0"},
		{name: "TLS without asking", sent: "\x16\x03\x01\x02\x00\x01\x00\x01", fails: "sslmode=disable"},
		{name: "HTTP", sent: "GET / HTTP/1.1\r\n\r\n", fails: "does not speak"},
		{name: "no end of asking", sent: ssl + gss + ssl + gss, told: "NNN", fails: "does not speak"},
		{name: "too short", sent: "\x00\x00\x00\x07\x00\x03\x00", fails: "does not speak"},
		{name: "no end", sent: plain[:3] + string(plain[3]-1) + plain[4:len(plain)-1], fails: "does not speak"},
		{name: "cut off", sent: plain[:9], fails: "EOF"},
		{name: "nothing", sent: "", fails: "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const behind = "what follows"
			rest := strings.NewReader(tt.sent + behind)
			if strings.Contains(tt.fails, "EOF") {
				rest = strings.NewReader(tt.sent)
			}
			client := &script{Reader: rest}
			parameters, cancel, negotiated, err := proxy.ReadStartup(client)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("error %v, want %q", err, tt.fails)
				}
			} else if err != nil || rest.Len() != len(behind) {
				t.Errorf("%v, %d bytes are left of %d", err, rest.Len(), len(behind))
			}
			if client.told.String() != tt.told || cancel != tt.cancel || negotiated != tt.negotiated {
				t.Errorf("told %q, cancel %t, negotiated %t", client.told.String(), cancel, negotiated)
			}
			if tt.fails == "" && !cancel && (len(parameters) != 1 || parameters["user"] != "me") {
				t.Errorf("parameters %v", parameters)
			}
		})
	}
}

func FuzzReadStartup(f *testing.F) {
	f.Add([]byte(startupMessage(3<<16|5, map[string]string{"user": "me", "_pq_.x": "1"})))
	f.Add([]byte("\x00\x00\x00\x08\x04\xd2\x16\x2f\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x01abcd"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		parameters, cancel, _, err := proxy.ReadStartup(&script{Reader: bytes.NewReader(sent)})
		if err == nil && !cancel && len(parameters) == 0 && len(sent) > 9 && !bytes.Contains(sent, []byte("_pq_.")) {
			t.Errorf("%q is a start-up message without parameters", sent)
		}
	})
}

// A client that says nothing is sent away, and does not keep the proxy from ending.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := emulatedInMemory(t, asItIs)
		client := r.connect()
		start := time.Now()
		answer, err := io.ReadAll(client)
		if err != nil || !strings.Contains(string(answer), "has not logged in in time") {
			t.Errorf("%q, %v", answer, err)
		}
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("sent away after %v", waited)
		}
		synctest.Wait()
		if !strings.Contains(r.metrics(t), `rdsiam_proxy_refused_total{reason="timeout"} 1`) {
			t.Error("it is not counted")
		}
		silent := r.connect()
		synctest.Wait()
		start = time.Now()
		r.stop()
		if err := r.waitStopped(t); err != nil || time.Since(start) != 0 {
			t.Errorf("stopped after %v: %v; want it at once", time.Since(start), err)
		}
		if _, err := io.ReadAll(silent); err != nil {
			t.Error(err)
		}
	})
}

// The time limits of a login do not end the session.
func TestIdleForHours(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := emulatedInMemory(t, asItIs)
			conn := r.connectPostgreSQL(t.Context(), t)
			time.Sleep(12 * time.Hour)
			if _, err := conn.Exec(t.Context(), "select 1"); err != nil {
				t.Error(err)
			}
			conn.Close(t.Context())
			r.stop()
			if err := r.waitStopped(t); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("MySQL", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := emulatedMySQLInMemory(t)
			config := mysql.NewConfig()
			config.User, config.Logger = app, new(mysql.NopLogger)
			config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return r.connect(), nil }
			db, err := mysqlDB(config)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(12 * time.Hour)
			if _, err := conn.ExecContext(t.Context(), "select 1"); err != nil {
				t.Error(err)
			}
			conn.Close()
			r.stop()
			if err := r.waitStopped(t); err != nil {
				t.Error(err)
			}
		})
	})
}
