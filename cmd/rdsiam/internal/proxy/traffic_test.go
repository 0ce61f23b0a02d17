package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/proxy"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// step is what one side says next, and whether the session is idle after it.
type step struct {
	client, server string
	idle           bool
}

// follow plays steps to a session, whole and byte by byte.
func follow(t *testing.T, start func() proxy.Traffic, steps []step) {
	t.Helper()
	for _, size := range []int{1 << 20, 1, 3} {
		traffic := start()
		for n, s := range steps {
			for rest := s.client; rest != ""; {
				piece := rest[:min(size, len(rest))]
				if passed, err := traffic.FromClient([]byte(piece)); err != nil || passed != len(piece) {
					t.Fatalf("step %d: %d of %d bytes passed, %v", n, passed, len(piece), err)
				}
				rest = rest[len(piece):]
			}
			for rest := s.server; rest != ""; {
				piece := rest[:min(size, len(rest))]
				traffic.FromServer([]byte(piece))
				rest = rest[len(piece):]
			}
			if traffic.Idle() != s.idle {
				t.Errorf("in pieces of %d, after step %d, %q %q: idle is %t", size, n, s.client, s.server, traffic.Idle())
			}
		}
	}
}

func message(m pgproto3.Message) string {
	encoded, err := m.Encode(nil)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

func TestPostgreSQLTraffic(t *testing.T) {
	var (
		query    = message(&pgproto3.Query{String: "select 1"})
		parse    = message(&pgproto3.Parse{Query: "select 1"})
		execute  = message(&pgproto3.Execute{})
		flush    = message(&pgproto3.Flush{})
		sync     = message(&pgproto3.Sync{})
		ready    = message(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		inTx     = message(&pgproto3.ReadyForQuery{TxStatus: 'T'})
		failed   = message(&pgproto3.ReadyForQuery{TxStatus: 'E'})
		row      = message(&pgproto3.DataRow{Values: [][]byte{[]byte("1")}})
		complete = message(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		parsed   = message(&pgproto3.ParseComplete{})
		notify   = message(&pgproto3.NotificationResponse{PID: 1, Channel: "c"})
		copyIn   = message(&pgproto3.CopyInResponse{})
		data     = message(&pgproto3.CopyData{Data: []byte("line\n")})
		done     = message(&pgproto3.CopyDone{})
	)
	tests := []struct {
		name  string
		steps []step
	}{
		{"nothing", []step{{"", "", true}}},
		{"query", []step{{query, "", false}, {"", row, false}, {"", complete, false}, {"", ready, true}}},
		{"two queries at once", []step{{query + query, "", false}, {"", complete + ready, false}, {"", complete + ready, true}}},
		{"transaction", []step{{query, inTx, false}, {query, inTx, false}, {query, failed, false}, {query, ready, true}}},
		{"extended", []step{{parse, "", false}, {flush, parsed, false}, {execute + sync, "", false}, {"", complete + ready, true}}},
		{"pipeline", []step{{parse + sync + parse, "", false}, {"", parsed + ready, false}, {sync, "", false}, {"", ready, true}}},
		{"notification", []step{{"", notify, true}}},
		{"half a message of the client", []step{{query[:3], "", false}}},
		{"half a message of the server", []step{{"", notify[:7], false}, {"", notify[7:], true}}},
		{"copy in", []step{{query, copyIn, false}, {data, "", false}, {done, "", false}, {"", complete + ready, true}}},
		{"extended copy in, whose first Sync has no answer", []step{
			{parse + execute + sync, parsed + copyIn, false}, {data + done, "", false}, {sync, "", false}, {"", complete + ready, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { follow(t, proxy.NewPostgreSQLTraffic, tt.steps) })
	}
}

func TestPostgreSQLTrafficMalformed(t *testing.T) {
	traffic := proxy.NewPostgreSQLTraffic()
	if passed, err := traffic.FromClient([]byte("S\x00\x00\x00\x04Q\x00\x00\x00\x03")); err == nil || passed != 5 {
		t.Errorf("%d bytes passed, %v; want the first message only, and an error", passed, err)
	}
}

func packet(sequence byte, payload string) string {
	n := len(payload)
	return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), sequence}) + payload
}

func TestMySQLTraffic(t *testing.T) {
	const (
		ok        = "\x00\x00\x00\x02\x00\x00\x00"
		okInTx    = "\x00\x00\x00\x03\x00\x00\x00"
		okMore    = "\x00\x01\x05\x0a\x00\x00\x00"
		failure   = "\xff\x28\x04#42000no"
		progress  = "\xff\xff\xff\x01"
		column    = "\x03def\x00\x00\x00\x01a"
		eof       = "\xfe\x00\x00\x02\x00"
		eofMore   = "\xfe\x00\x00\x0a\x00"
		eofInTx   = "\xfe\x00\x00\x03\x00"
		eofCursor = "\xfe\x00\x00\x42\x00"
		endOK     = "\xfe\x00\x00\x02\x00\x00\x00"
		endInTx   = "\xfe\x00\x00\x03\x00\x00\x00"
		rowLikeOK = "\x00\x00\x00\x02\x00\x00\x00"
		query     = "\x03select 1"
	)
	prepared := "\x00\x01\x00\x00\x00\x01\x00\x02\x00\x00\x00\x00" // one column, two parameters
	large := strings.Repeat("\x00", 1<<24-1)
	tests := []struct {
		name  string
		noEOF bool
		steps []step
	}{
		{"nothing", false, []step{{"", "", true}}},
		{"ping", false, []step{{packet(0, "\x0e"), "", false}, {"", packet(1, ok), true}}},
		{"error", false, []step{{packet(0, query), packet(1, failure), true}}},
		{"progress", false, []step{{packet(0, query), packet(1, progress), false}, {"", packet(2, ok), true}}},
		{"transaction", false, []step{{packet(0, query), packet(1, okInTx), false}, {packet(0, query), packet(1, failure), false}, {packet(0, query), packet(1, ok), true}}},
		{"rows", false, []step{{packet(0, query), packet(1, "\x01") + packet(2, column), false}, {"", packet(3, eof), false},
			{"", packet(4, rowLikeOK), false}, {"", packet(5, "\xfb"), false}, {"", packet(6, eof), true}}},
		{"rows that end in a transaction", false, []step{{packet(0, query), packet(1, "\x01") + packet(2, column) + packet(3, eof) + packet(4, eofInTx), false}}},
		{"rows without EOF", true, []step{{packet(0, query), packet(1, "\x01") + packet(2, column), false}, {"", packet(3, rowLikeOK), false},
			{"", packet(4, endOK), true}}},
		{"rows without EOF in a transaction", true, []step{{packet(0, query), packet(1, "\x01") + packet(2, column) + packet(3, endInTx), false}}},
		{"error after rows", false, []step{{packet(0, query), packet(1, "\x01") + packet(2, column) + packet(3, eof) + packet(4, "\x011"), false},
			{"", packet(5, failure), true}}},
		{"row of 16 MB", true, []step{{packet(0, query), packet(1, "\x01") + packet(2, column), false}, {"", packet(3, "\xfe"+large[1:]), false},
			{"", packet(4, endOK), false}, {"", packet(5, endOK), true}}},
		{"several results", false, []step{{packet(0, query), packet(1, okMore), false}, {"", packet(2, "\x01") + packet(3, column) + packet(4, eof) + packet(5, eofMore), false},
			{"", packet(6, ok), true}}},
		{"cursor", false, []step{{packet(0, "\x17...."), packet(1, "\x01") + packet(2, column) + packet(3, eofCursor), true},
			{packet(0, "\x1c...."), packet(1, "\x00\x00\x01"), false}, {"", packet(2, eof), true}}},
		{"prepare", false, []step{{packet(0, "\x16select ?"), packet(1, prepared) + packet(2, column) + packet(3, column), false}, {"", packet(4, eof), false},
			{"", packet(5, column), false}, {"", packet(6, eof), true}}},
		{"prepare without EOF", true, []step{{packet(0, "\x16select ?"), packet(1, prepared) + packet(2, column) + packet(3, column), false}, {"", packet(4, column), true}}},
		{"prepare of nothing", false, []step{{packet(0, "\x16set x"), packet(1, "\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), true}}},
		{"commands without an answer", false, []step{{packet(0, "\x19....") + packet(0, "\x18....."), "", true}, {packet(0, "\x01"), "", true}}},
		{"prepare and execute at once", false, []step{{packet(0, "\x16set x") + packet(0, "\x17...."), "", false},
			{"", packet(1, "\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), false}, {"", packet(1, ok), true}}},
		{"statistics", false, []step{{packet(0, "\x09"), packet(1, "Uptime: 1"), true}}},
		{"fields", false, []step{{packet(0, "\x04table\x00"), packet(1, column), false}, {"", packet(2, eof), true}}},
		{"file of the client", false, []step{{packet(0, query), packet(1, "\xfbfile"), false}, {packet(2, "line\n"), "", false}, {packet(3, ""), "", false}, {"", packet(4, ok), true}}},
		{"long command", false, []step{{packet(0, "\x03"+large[1:]), "", false}, {packet(1, "x"), packet(2, ok), true}}},
		{"half a packet", false, []step{{packet(0, query)[:2], "", false}, {packet(0, query)[2:], packet(1, ok)[:6], false}, {"", packet(1, ok)[6:], true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var agreed mysqlwire.Capabilities
			if tt.noEOF {
				agreed = mysqlwire.ClientDeprecateEOF
			}
			follow(t, func() proxy.Traffic { return proxy.NewMySQLTraffic(agreed) }, tt.steps)
		})
	}
}

func TestMySQLTrafficChangeUser(t *testing.T) {
	const changeUser = "\x11admin\x00"
	var file strings.Builder
	file.WriteString(packet(0, "\x03load data"))
	for n := 2; n < 256; n++ {
		file.WriteString(packet(byte(n), "x"))
	}
	tests := []struct {
		name   string
		sent   string
		passed int // -1: all of it
	}{
		{"first", packet(0, changeUser), 0},
		{"second", packet(0, "\x0e") + packet(0, changeUser) + packet(0, "\x0e"), 5},
		{"in a long command", packet(0, "\x03"+strings.Repeat("x", 1<<24-2)) + packet(1, changeUser), -1},
		{"in a file whose numbers come round", file.String() + packet(0, changeUser), -1},
		{"after a file", file.String() + packet(0, "") + packet(0, changeUser), file.Len() + 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			passed, err := proxy.NewMySQLTraffic(0).FromClient([]byte(tt.sent))
			want := tt.passed
			if want < 0 {
				want = len(tt.sent)
			}
			if passed != want || (err != nil) != (tt.passed >= 0) {
				t.Errorf("%d of %d bytes passed, %v; want %d", passed, len(tt.sent), err, want)
			}
		})
	}
}

// Whatever arrives, no more is passed on than came, nothing panics, and how it is cut into
// pieces makes no difference.
func FuzzTraffic(f *testing.F) {
	f.Add([]byte(packet(0, "\x03select 1")), []byte(packet(1, "\x00\x00\x00\x02\x00\x00\x00")), uint8(3))
	f.Add([]byte(message(&pgproto3.Query{String: "select"})), []byte(message(&pgproto3.ReadyForQuery{TxStatus: 'I'})), uint8(1))
	f.Add([]byte(packet(0, "\x16select ?")), []byte(packet(1, "\x00\x01\x00\x00\x00\x01\x00\x02\x00\x00\x00\x00")), uint8(5))
	f.Fuzz(func(t *testing.T, client, server []byte, size uint8) {
		for _, start := range []func() proxy.Traffic{
			proxy.NewPostgreSQLTraffic,
			func() proxy.Traffic { return proxy.NewMySQLTraffic(0) },
			func() proxy.Traffic { return proxy.NewMySQLTraffic(mysqlwire.ClientDeprecateEOF) },
		} {
			whole := start()
			wholePassed, wholeErr := whole.FromClient(client)
			if wholePassed > len(client) || wholeErr == nil && wholePassed != len(client) {
				t.Fatalf("%d of %d bytes passed, %v", wholePassed, len(client), wholeErr)
			}
			pieces := start()
			var err error
			for rest := client; len(rest) > 0 && err == nil; {
				piece := rest[:min(int(size)+1, len(rest))]
				_, err = pieces.FromClient(piece)
				rest = rest[len(piece):]
			}
			if (err == nil) != (wholeErr == nil) {
				t.Fatalf("in pieces %v, whole %v", err, wholeErr)
			}
			if err != nil {
				continue
			}
			whole.FromServer(server)
			for rest := server; len(rest) > 0; {
				piece := rest[:min(int(size)+1, len(rest))]
				pieces.FromServer(piece)
				rest = rest[len(piece):]
			}
			if whole.Idle() != pieces.Idle() {
				t.Fatalf("idle in pieces is %t, whole %t", pieces.Idle(), whole.Idle())
			}
		}
	})
}

// A client may send commands without waiting for answers: 22 MB of Sync took minutes when
// each answer moved what was still awaited.
func TestManyAwaitedAnswers(t *testing.T) {
	const size = 22 << 20
	for name, test := range map[string]struct {
		traffic         proxy.Traffic
		command, answer string
	}{
		"PostgreSQL": {proxy.NewPostgreSQLTraffic(), message(&pgproto3.Sync{}), message(&pgproto3.ReadyForQuery{TxStatus: 'I'})},
		"MySQL":      {proxy.NewMySQLTraffic(0), "\x01\x00\x00\x00\x0e", "\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			commands := size / len(test.command)
			start := time.Now()
			if _, err := test.traffic.FromClient([]byte(strings.Repeat(test.command, commands))); err != nil {
				t.Fatal(err)
			}
			answers := []byte(strings.Repeat(test.answer, commands))
			test.traffic.FromServer(answers[:len(answers)-len(test.answer)])
			if test.traffic.Idle() {
				t.Error("idle before the last answer")
			}
			test.traffic.FromServer(answers[len(answers)-len(test.answer):])
			if !test.traffic.Idle() {
				t.Error("not idle after the last answer")
			}
			if took := time.Since(start); took > 30*time.Second { // it is 0.3 s
				t.Errorf("%d commands took %v", commands, took)
			}
		})
	}
}
