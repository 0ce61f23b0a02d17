package rdsiamtest

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// The commands of a client:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
const (
	mysqlQuit            = 0x01
	mysqlInitDB          = 0x02
	mysqlQuery           = 0x03
	mysqlPing            = 0x0e
	mysqlPrepare         = 0x16
	mysqlExecute         = 0x17
	mysqlSendLongData    = 0x18
	mysqlCloseStatement  = 0x19
	mysqlResetStatement  = 0x1a
	mysqlSetOption       = 0x1b
	mysqlResetConnection = 0x1f
)

// mysqlMaxAllowedPacket is what the server says of itself in
// @@max_allowed_packet.
const mysqlMaxAllowedPacket = 64 << 20

// mysqlFarewell bounds the sending of the last packet to a client that may not
// be reading.
const mysqlFarewell = 5 * time.Second

// mysqlSession answers the statements of a client by itself.
type mysqlSession struct {
	client   mysqlClient
	packets  *mysqlwire.Packets
	database string
	status   mysqlwire.Status
	prepared mysqlPreparedStatements

	readOnlyDefault bool // of the transactions to come
	readOnlyNow     bool // of the transaction that is open
}

func newMySQLSession(client mysqlClient) *mysqlSession {
	client.Packets.Limit = mysqlMaxAllowedPacket
	return &mysqlSession{client: client, packets: client.Packets, database: client.Database, status: mysqlwire.Autocommit}
}

// Serve answers until the client goes, or asks for another account: then it returns that
// command.
func (s *mysqlSession) Serve() (changeUser []byte) {
	for {
		s.packets.Sequence = 0
		command, err := s.packets.Read()
		if errors.Is(err, mysqlwire.ErrPacketTooLong) {
			_ = s.client.Server.SetWriteDeadline(time.Now().Add(mysqlFarewell))
			_ = s.packets.Write(mysqlwire.Error{Number: 1153, SQLState: "08S01", Text: "Got a packet bigger than 'max_allowed_packet' bytes"}.Encode())
			return nil
		}
		if err != nil {
			return nil
		}
		if len(command) > 0 && command[0] == mysqlwire.CommandChangeUser {
			return command
		}
		if len(command) > 0 && command[0] == mysqlQuit {
			return nil
		}
		if _, err := s.client.Server.DelayStatement(); err != nil {
			return nil
		}
		s.answer(command)
		if s.packets.Flush() != nil {
			return nil
		}
	}
}

// answer queues the reply to a command, if it has one.
func (s *mysqlSession) answer(command []byte) {
	if len(command) == 0 {
		s.fail(malformedMySQL())
		return
	}
	body := command[1:]
	switch command[0] {
	case mysqlInitDB:
		if err := s.use(string(body)); err != nil {
			s.fail(err)
			return
		}
		s.ok()
	case mysqlQuery:
		s.query(string(body))
	case mysqlPing:
		s.ok()
	case mysqlPrepare:
		s.prepare(string(body))
	case mysqlExecute:
		s.execute(body)
	case mysqlSendLongData:
		s.prepared.addLongData(body)
	case mysqlCloseStatement:
		s.prepared.close(body)
	case mysqlResetStatement:
		s.resetStatement(body)
	case mysqlSetOption:
		s.packets.Queue(encodeMySQLEnd(s.client.Capabilities, s.status))
	case mysqlResetConnection:
		s.prepared = mysqlPreparedStatements{}
		s.status, s.readOnlyDefault = mysqlwire.Autocommit, false
		s.ok()
	default:
		s.fail(unsupportedMySQL())
	}
}

func malformedMySQL() *mysqlwire.Error {
	return &mysqlwire.Error{Number: 1835, SQLState: "HY000", Text: "Malformed communication packet."}
}

func (s *mysqlSession) ok() { s.packets.Queue(mysqlwire.EncodeOK(s.status)) }

func (s *mysqlSession) fail(err *mysqlwire.Error) { s.packets.Queue(err.Encode()) }

func (s *mysqlSession) query(sql string) {
	statement, err := parseMySQLStatement(sql)
	if err == nil && statement.parameters() > 0 {
		err = &mysqlwire.Error{Number: 1064, SQLState: "42000", Text: "You have an error in your SQL syntax: ? stands for a parameter only in a prepared statement"}
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.run(statement, nil, mysqlTextRow)
}

// run queues the result of a statement, its row in the form that row encodes.
func (s *mysqlSession) run(statement mysqlStatement, parameters []mysqlValue, row func([]mysqlValue) []byte) {
	if statement.effect == mysqlWrites {
		s.fail(s.refuseWrite())
		return
	}
	if len(statement.columns) == 0 {
		if err := s.apply(statement); err != nil {
			s.fail(err)
			return
		}
		s.ok()
		return
	}
	values := make([]mysqlValue, len(statement.columns))
	for i, column := range statement.columns {
		if column.value != nil {
			values[i] = column.value(s)
			continue
		}
		values[i], parameters = parameters[0], parameters[1:]
	}
	s.packets.Queue(mysqlwire.AppendUint(nil, uint64(len(values))))
	s.queueColumns(statement.columns, values)
	s.packets.Queue(row(values))
	s.packets.Queue(encodeMySQLEnd(s.client.Capabilities, s.status))
}

// apply makes the change that a statement asks for.
func (s *mysqlSession) apply(statement mysqlStatement) *mysqlwire.Error {
	switch statement.effect {
	case mysqlBegins:
		return s.begin(statement.access)
	case mysqlSetsAccess:
		s.readOnlyDefault = statement.access == mysqlReadOnly
	case mysqlEnds:
		s.status &^= mysqlwire.InTransaction
	case mysqlUses:
		return s.use(statement.database)
	}
	return nil
}

// use changes the database to one that may exist: every name of at most 64 characters.
func (s *mysqlSession) use(database string) *mysqlwire.Error {
	if utf8.RuneCountInString(database) > 64 {
		return &mysqlwire.Error{
			Number:   1102,
			SQLState: "42000",
			Text:     "Incorrect database name '" + brief.Name(database) + "'",
		}
	}
	s.database = strings.Clone(database)
	return nil
}

func (s *mysqlSession) queueColumns(columns []mysqlColumn, values []mysqlValue) {
	for i, column := range columns {
		s.packets.Queue(values[i].column(column.name))
	}
	s.queueColumnsEnd()
}

// queueColumnsEnd ends column or parameter definitions, for clients that want
// that marked.
func (s *mysqlSession) queueColumnsEnd() {
	if capabilities := s.client.Capabilities; !capabilities.Has(mysqlwire.ClientDeprecateEOF) {
		s.packets.Queue(encodeMySQLEnd(capabilities, s.status))
	}
}
