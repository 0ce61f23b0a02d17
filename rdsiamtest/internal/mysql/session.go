package mysql

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
	commandQuit            = 0x01
	commandInitDB          = 0x02
	commandQuery           = 0x03
	commandPing            = 0x0e
	commandPrepare         = 0x16
	commandExecute         = 0x17
	commandSendLongData    = 0x18
	commandCloseStatement  = 0x19
	commandResetStatement  = 0x1a
	commandSetOption       = 0x1b
	commandResetConnection = 0x1f
)

// maxAllowedPacket is what the server says of itself in @@max_allowed_packet.
const maxAllowedPacket = 64 << 20

// farewell bounds the sending of the last packet to a client that may not
// be reading.
const farewell = 5 * time.Second

// Session answers the statements of a client by itself.
type Session struct {
	client   Client
	packets  *mysqlwire.Packets
	database string
	status   mysqlwire.Status
	prepared preparedStatements

	readOnlyDefault bool // of the transactions to come
	readOnlyNow     bool // of the transaction that is open
}

// NewSession begins a session whose client has read the OK of its login.
func NewSession(client Client) *Session {
	client.Packets.Limit = maxAllowedPacket
	return &Session{client: client, packets: client.Packets, database: client.Database, status: mysqlwire.Autocommit}
}

// Serve answers until the client goes, or asks for another account: then it returns that
// command.
func (s *Session) Serve() (changeUser []byte) {
	for {
		s.packets.Sequence = 0
		command, err := s.packets.Read()
		if errors.Is(err, mysqlwire.ErrPacketTooLong) {
			_ = s.client.Server.SetWriteDeadline(time.Now().Add(farewell))
			_ = s.packets.Write(mysqlwire.Error{Number: 1153, SQLState: "08S01", Text: "Got a packet bigger than 'max_allowed_packet' bytes"}.Encode())
			return nil
		}
		if err != nil {
			return nil
		}
		if len(command) > 0 && command[0] == mysqlwire.CommandChangeUser {
			return command
		}
		if len(command) > 0 && command[0] == commandQuit {
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
func (s *Session) answer(command []byte) {
	if len(command) == 0 {
		s.fail(malformed())
		return
	}
	body := command[1:]
	switch command[0] {
	case commandInitDB:
		if err := s.use(string(body)); err != nil {
			s.fail(err)
			return
		}
		s.ok()
	case commandQuery:
		s.query(string(body))
	case commandPing:
		s.ok()
	case commandPrepare:
		s.prepare(string(body))
	case commandExecute:
		s.execute(body)
	case commandSendLongData:
		s.prepared.addLongData(body)
	case commandCloseStatement:
		s.prepared.close(body)
	case commandResetStatement:
		s.resetStatement(body)
	case commandSetOption:
		s.packets.Queue(encodeEnd(s.client.Capabilities, s.status))
	case commandResetConnection:
		s.prepared = preparedStatements{}
		s.status, s.readOnlyDefault = mysqlwire.Autocommit, false
		s.ok()
	default:
		s.fail(unsupported())
	}
}

func malformed() *mysqlwire.Error {
	return &mysqlwire.Error{Number: 1835, SQLState: "HY000", Text: "Malformed communication packet."}
}

func (s *Session) ok() { s.packets.Queue(mysqlwire.EncodeOK(s.status)) }

func (s *Session) fail(err *mysqlwire.Error) { s.packets.Queue(err.Encode()) }

func (s *Session) query(sql string) {
	statement, err := parse(sql)
	if err == nil && statement.parameters() > 0 {
		err = &mysqlwire.Error{Number: 1064, SQLState: "42000", Text: "You have an error in your SQL syntax: ? stands for a parameter only in a prepared statement"}
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.run(statement, nil, textRow)
}

// run queues the result of a statement, its row in the form that row encodes.
func (s *Session) run(statement stmt, parameters []value, row func([]value) []byte) {
	if statement.effect == writes {
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
	values := make([]value, len(statement.columns))
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
	s.packets.Queue(encodeEnd(s.client.Capabilities, s.status))
}

// apply makes the change that a statement asks for.
func (s *Session) apply(statement stmt) *mysqlwire.Error {
	switch statement.effect {
	case begins:
		return s.begin(statement.access)
	case setsAccess:
		s.readOnlyDefault = statement.access == readOnlyAccess
	case ends:
		s.status &^= mysqlwire.InTransaction
	case uses:
		return s.use(statement.database)
	}
	return nil
}

// use changes the database to one that may exist: every name of at most 64 characters.
func (s *Session) use(database string) *mysqlwire.Error {
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

func (s *Session) queueColumns(columns []expression, values []value) {
	for i, column := range columns {
		s.packets.Queue(values[i].column(column.name))
	}
	s.queueColumnsEnd()
}

// queueColumnsEnd ends column or parameter definitions, for clients that want
// that marked.
func (s *Session) queueColumnsEnd() {
	if capabilities := s.client.Capabilities; !capabilities.Has(mysqlwire.ClientDeprecateEOF) {
		s.packets.Queue(encodeEnd(capabilities, s.status))
	}
}
