package proxy

import (
	"bytes"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// mysqlTraffic follows a MySQL session by the first bytes of its packets.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
type mysqlTraffic struct {
	client, server frames
	noEOF          bool // column definitions do not end in an EOF packet (CLIENT_DEPRECATE_EOF)
	kills          mysqlKills

	clientPacket, serverPacket mysqlPacket // that came last

	awaited       queue // for each answer to come, the command that it is to
	answer        mysqlAnswer
	inTransaction bool
}

// mysqlPacket is what tells a packet from a further part of the one before.
type mysqlPacket struct {
	body     int
	sequence byte
}

const (
	mysqlHeader    = 4 // length and sequence number
	mysqlMaxPacket = 1<<24 - 1

	// mysqlShown is the longest OK packet up to its status.
	mysqlShown = 1 + 9 + 9 + 2
)

func newMySQLTraffic(agreed mysqlwire.Capabilities, ids *mysqlIDs) *mysqlTraffic {
	t := &mysqlTraffic{noEOF: agreed.Has(mysqlwire.ClientDeprecateEOF), kills: mysqlKills{ids, agreed.Has(mysqlQueryAttributes)}}
	t.client = frames{headerSize: mysqlHeader, bodySize: mysqlBody, shown: 1, see: t.seeClient}
	t.server = frames{headerSize: mysqlHeader, bodySize: mysqlBody, shown: mysqlShown, see: t.seeServer}
	return t
}

func mysqlBody(header []byte) (int, bool) {
	return int(header[0]) | int(header[1])<<8 | int(header[2])<<16, true
}

func (t *mysqlTraffic) fromClient(b []byte) (int, error) {
	if t.client.between() {
		t.kills.translate(b)
	}
	passed, ok := t.client.scan(b)
	if !ok {
		return passed, errChangeUser
	}
	return passed, nil
}

func (t *mysqlTraffic) fromServer(b []byte) { t.server.scan(b) }

// Commands that are answered in their own way, or may kill a session.
const (
	mysqlQuitCommand  = 0x01
	mysqlQuery        = 0x03
	mysqlFieldList    = 0x04
	mysqlStatistics   = 0x09
	mysqlProcessKill  = 0x0c
	mysqlBinlogDump   = 0x12
	mysqlPrepare      = 0x16
	mysqlSendLongData = 0x18
	mysqlCloseStmt    = 0x19
	mysqlFetch        = 0x1c
	mysqlBinlogGTID   = 0x1e
)

func (t *mysqlTraffic) seeClient(head []byte) bool {
	previous := t.clientPacket
	t.clientPacket = mysqlPacketOf(head)
	if !t.clientPacket.startsCommand(previous) || t.clientPacket.body == 0 {
		return true
	}
	switch command := head[mysqlHeader]; command {
	case mysqlwire.CommandChangeUser:
		return false
	case mysqlQuitCommand, mysqlSendLongData, mysqlCloseStmt: // have no answer
	default:
		t.awaited.add(command)
	}
	return true
}

func mysqlPacketOf(head []byte) mysqlPacket {
	body, _ := mysqlBody(head)
	return mysqlPacket{body, head[3]}
}

// startsCommand tells a command from the other packets of a client: the further parts of a
// long one, and the files of LOAD DATA LOCAL, whose numbers can come round to zero. A server
// drops a client that lies about numbers.
func (p mysqlPacket) startsCommand(previous mysqlPacket) bool {
	cameRound := previous.sequence == 255 && previous.body > 0
	return p.sequence == 0 && !cameRound
}

func (t *mysqlTraffic) seeServer(head []byte) bool {
	continued := t.serverPacket.body == mysqlMaxPacket
	t.serverPacket = mysqlPacketOf(head)
	if continued || t.awaited.empty() {
		return true
	}
	if !t.answer.begun {
		t.answer = mysqlAnswer{begun: true, command: t.awaited.first(), noEOF: t.noEOF, inTransaction: t.inTransaction}
	}
	if t.answer.see(head[mysqlHeader:], t.serverPacket.body) {
		t.inTransaction = t.answer.inTransaction
		t.answer = mysqlAnswer{}
		t.awaited.take()
	}
	return true
}

func (t *mysqlTraffic) idle() bool {
	return t.awaited.empty() && !t.inTransaction && t.client.between() && t.server.between()
}

// farewell tells the client nothing: few clients expect a packet that they have not asked
// for.
func (t *mysqlTraffic) farewell() (toClient, toServer []byte) { return nil, mysqlQuit }

func (t *mysqlTraffic) refusal(err error) []byte {
	var b bytes.Buffer
	packets := &mysqlwire.Packets{Stream: &b, Sequence: 1}
	_ = packets.Write(mysqlwire.Error{Number: 1045, SQLState: "28000", Text: "Access denied: rdsiam proxy: " + err.Error()}.Encode())
	return b.Bytes()
}
