package proxy

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgproto3"
)

// postgresTraffic follows a PostgreSQL session by the types of its messages.
// https://www.postgresql.org/docs/current/protocol-flow.html
type postgresTraffic struct {
	client, server frames

	awaited  queue // for each ReadyForQuery to come, the type of the message that it answers
	unsynced bool  // an extended query has begun and no Sync has followed
	copying  bool
	status   byte // of the transaction
}

func newPostgresTraffic() *postgresTraffic {
	t := &postgresTraffic{status: 'I'}
	t.client = frames{headerSize: postgresHeader, bodySize: postgresBody, see: t.seeClient}
	t.server = frames{headerSize: postgresHeader, bodySize: postgresBody, shown: 1, see: t.seeServer}
	return t
}

const postgresHeader = 5 // type, and a length that counts itself but not the type

func postgresBody(header []byte) (int, bool) {
	length := int32(binary.BigEndian.Uint32(header[1:]))
	return int(length) - 4, length >= 4
}

func (t *postgresTraffic) fromClient(b []byte) (int, error) {
	passed, ok := t.client.scan(b)
	if !ok {
		return passed, errMalformed
	}
	return passed, nil
}

func (t *postgresTraffic) fromServer(b []byte) { t.server.scan(b) }

func (t *postgresTraffic) seeClient(head []byte) bool {
	switch head[0] {
	case 'Q', 'F': // Query, FunctionCall
		t.awaited.add(head[0])
	case 'S': // Sync
		t.awaited.add(head[0])
		t.unsynced = false
	case 'P', 'B', 'D', 'E', 'C', 'H': // of the extended query protocol
		t.unsynced = true
	}
	return true
}

func (t *postgresTraffic) seeServer(head []byte) bool {
	switch head[0] {
	case 'Z': // ReadyForQuery
		if len(head) > postgresHeader {
			t.status = head[postgresHeader]
		}
		t.awaited.take()
		t.copying = false
	case 'G', 'W': // CopyInResponse, CopyBothResponse
		// The server ignores a Sync that the client sent behind the Execute.
		if t.awaited.first() == 'S' {
			t.awaited.take()
		}
		t.copying = true
	}
	return true
}

func (t *postgresTraffic) idle() bool {
	return t.awaited.empty() && !t.unsynced && !t.copying && t.status == 'I' && t.client.between() && t.server.between()
}

func (t *postgresTraffic) farewell() (toClient, toServer []byte) {
	return postgresError(&pgproto3.ErrorResponse{
		Code:    "57P01", // admin_shutdown
		Message: "terminating connection because the proxy is shutting down",
	}), []byte{'X', 0, 0, 0, 4} // Terminate
}

func (t *postgresTraffic) refusal(err error) []byte {
	return postgresError(&pgproto3.ErrorResponse{Code: "08P01", Message: "rdsiam proxy: " + err.Error()}) // protocol_violation
}

// postgresError encodes an error that ends the connection.
func postgresError(e *pgproto3.ErrorResponse) []byte {
	e.Severity, e.SeverityUnlocalized = "FATAL", "FATAL"
	encoded, err := e.Encode(nil)
	if err != nil {
		return nil // longer than a message can be
	}
	return encoded
}
