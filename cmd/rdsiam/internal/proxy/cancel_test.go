package proxy_test

import (
	"io"
	"net"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
)

// Who does not know the secret key of a session cannot cancel what it does, and who knows
// it can until the session ends.
func TestCancelKey(t *testing.T) {
	r := emulatedPostgreSQL(t).proxy(t, "tcp", proxy.Settings{Password: password})
	conn := connectPostgreSQL(t, pgxConfig(t, r, app, password))
	id, key := conn.PgConn().PID(), slices.Clone(conn.PgConn().SecretKey())
	wrong := slices.Clone(key)
	wrong[0]++
	ask := func(id uint32, key []byte) {
		t.Helper()
		request, err := (&pgproto3.CancelRequest{ProcessID: id, SecretKey: key}).Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		client, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := client.Write(request); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(client); err != nil || len(answer) > 0 {
			t.Errorf("answer %q, %v; the protocol has none", answer, err)
		}
	}
	ask(id, wrong)
	ask(id+1, key)
	ask(id, append(slices.Clone(key), 0))
	r.waitFor(t, "rdsiam_proxy_cancel_requests_total 0")
	ask(id, key)
	r.waitFor(t, "rdsiam_proxy_cancel_requests_total 1")
	conn.Close(t.Context())
	waitUntil(t, func() bool { return r.Admitted() == 0 })
	ask(id, key)
	r.waitFor(t, "rdsiam_proxy_cancel_requests_total 1")
}
