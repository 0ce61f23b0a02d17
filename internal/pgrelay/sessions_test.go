package pgrelay_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/internal/pgrelay"
)

func TestSessions(t *testing.T) {
	var sessions pgrelay.Sessions
	var canceled []string
	add := func(name string) *pgproto3.BackendKeyData {
		return sessions.Add(func(context.Context) { canceled = append(canceled, name) })
	}
	first, second, gone := add("first"), add("second"), add("gone")
	sessions.Remove(gone)
	if first.ProcessID == second.ProcessID {
		t.Fatalf("both sessions have process id %d", first.ProcessID)
	}
	tests := []struct {
		name      string
		processID uint32
		secretKey []byte
		want      []string
	}{
		{"its key", second.ProcessID, second.SecretKey, []string{"second"}},
		{"the other", first.ProcessID, first.SecretKey, []string{"first"}},
		{"the other's key", second.ProcessID, first.SecretKey, nil},
		{"no key", second.ProcessID, nil, nil},
		{"removed", gone.ProcessID, gone.SecretKey, nil},
		{"unknown", gone.ProcessID + 1, second.SecretKey, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			canceled = nil
			sessions.Cancel(t.Context(), &pgproto3.CancelRequest{ProcessID: test.processID, SecretKey: test.secretKey})
			if !slices.Equal(canceled, test.want) {
				t.Errorf("canceled %q, want %q", canceled, test.want)
			}
		})
	}
}
