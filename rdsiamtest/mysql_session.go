package rdsiamtest

import (
	"errors"
	"time"
)

// The commands of a client:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
const (
	mysqlQuit            = 0x01
	mysqlInitDB          = 0x02
	mysqlQuery           = 0x03
	mysqlPing            = 0x0e
	mysqlChangeUser      = 0x11
	mysqlPrepare         = 0x16
	mysqlExecute         = 0x17
	mysqlSendLongData    = 0x18
	mysqlCloseStatement  = 0x19
	mysqlResetStatement  = 0x1a
	mysqlSetOption       = 0x1b
	mysqlResetConnection = 0x1f
)

// mysqlFarewell bounds the sending of the last packet to a client that may not
// be reading.
const mysqlFarewell = 5 * time.Second

// mysqlSession answers the statements of a client by itself.
type mysqlSession struct {
	front    *mysqlFront
	packets  *mysqlPackets
	database string
	status   mysqlStatus
	prepared mysqlPreparedStatements
}

func (f *mysqlFront) session() *mysqlSession {
	f.packets.limit = mysqlMaxAllowedPacket
	return &mysqlSession{front: f, packets: f.packets, database: f.response.database, status: mysqlAutocommit}
}

// serve answers until the client goes.
func (s *mysqlSession) serve() {
	for {
		s.packets.sequence = 0
		command, err := s.packets.read()
		if errors.Is(err, errMySQLPacketTooLong) {
			s.front.conn.SetWriteDeadline(time.Now().Add(mysqlFarewell))
			s.packets.write(mysqlError{1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes"}.encode())
			return
		}
		if err != nil {
			return
		}
		if len(command) > 0 && command[0] == mysqlChangeUser {
			s.front.refuseChangeUser(command)
			return
		}
		if len(command) > 0 && command[0] == mysqlQuit {
			return
		}
		s.answer(command)
		if s.packets.flush() != nil {
			return
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
		s.database = string(body)
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
		s.packets.queue(encodeMySQLEnd(s.front.response.capabilities, s.status))
	case mysqlResetConnection:
		s.prepared = mysqlPreparedStatements{}
		s.status = mysqlAutocommit
		s.ok()
	default:
		s.fail(unsupportedMySQL())
	}
}

func malformedMySQL() *mysqlError {
	return &mysqlError{1835, "HY000", "Malformed communication packet."}
}

func (s *mysqlSession) ok() { s.packets.queue(encodeMySQLOK(s.status)) }

func (s *mysqlSession) fail(err *mysqlError) { s.packets.queue(err.encode()) }

func (s *mysqlSession) query(sql string) {
	statement, err := parseMySQLStatement(sql)
	if err == nil && statement.parameters() > 0 {
		err = &mysqlError{1064, "42000", "You have an error in your SQL syntax: ? stands for a parameter only in a prepared statement"}
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.run(statement, nil, mysqlTextRow)
}

// run queues the result of a statement, its row in the form that row encodes.
func (s *mysqlSession) run(statement mysqlStatement, parameters []mysqlValue, row func([]mysqlValue) []byte) {
	if len(statement.columns) == 0 {
		s.apply(statement)
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
	s.packets.queue(appendMySQLUint(nil, uint64(len(values))))
	s.queueColumns(statement.columns, values)
	s.packets.queue(row(values))
	s.packets.queue(encodeMySQLEnd(s.front.response.capabilities, s.status))
}

func (s *mysqlSession) apply(statement mysqlStatement) {
	switch statement.effect {
	case mysqlBegins:
		s.status |= mysqlInTransaction
	case mysqlEnds:
		s.status &^= mysqlInTransaction
	case mysqlUses:
		s.database = statement.database
	}
}

func (s *mysqlSession) queueColumns(columns []mysqlColumn, values []mysqlValue) {
	for i, column := range columns {
		s.packets.queue(values[i].column(column.name))
	}
	s.queueColumnsEnd()
}

// queueColumnsEnd ends column or parameter definitions, for clients that want
// that marked.
func (s *mysqlSession) queueColumnsEnd() {
	if capabilities := s.front.response.capabilities; !capabilities.has(mysqlDeprecateEOF) {
		s.packets.queue(encodeMySQLEnd(capabilities, s.status))
	}
}
