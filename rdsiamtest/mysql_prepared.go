package rdsiamtest

import (
	"encoding/binary"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// The defaults of MySQL for one server hold for one session here.
const (
	mysqlMaxPrepared      = 16382 // statements
	mysqlMaxParameterData = mysqlMaxAllowedPacket
	mysqlMaxPreparedText  = 16 << 20 // bytes; a parsed statement takes up to four times its text
)

type mysqlPrepared struct {
	statement mysqlStatement
	types     []mysqlParameterType // as the client last sent them
	longData  map[uint64][]byte    // by parameter, sent ahead of the execution
	tooLong   bool                 // more than is kept was sent
	size      int                  // of its text
}

type mysqlParameterType struct {
	kind     mysqlType
	unsigned bool
}

// mysqlPreparedStatements are those of a session. The zero value is ready to use.
type mysqlPreparedStatements struct {
	byID     map[uint64]*mysqlPrepared
	lastID   uint64
	longData int // bytes kept in all statements
	text     int // bytes of all statements
}

func (p *mysqlPreparedStatements) add(statement mysqlStatement, size int) (id uint64, ok bool) {
	if len(p.byID) == mysqlMaxPrepared || p.text+size > mysqlMaxPreparedText {
		return 0, false
	}
	if p.byID == nil {
		p.byID = make(map[uint64]*mysqlPrepared)
	}
	p.lastID = (p.lastID + 1) & (1<<32 - 1)
	p.byID[p.lastID] = &mysqlPrepared{statement: statement, size: size}
	p.text += size
	return p.lastID, true
}

// close forgets a statement. The client expects no reply.
func (p *mysqlPreparedStatements) close(body []byte) {
	f := mysqlwire.Fields{Rest: body}
	id := f.Uint(4)
	statement := p.byID[id]
	if statement == nil {
		return
	}
	p.dropLongData(statement)
	p.text -= statement.size
	delete(p.byID, id)
}

// addLongData keeps a part of a parameter. The client expects no reply, so an
// error shows at the execution.
func (p *mysqlPreparedStatements) addLongData(body []byte) {
	f := mysqlwire.Fields{Rest: body}
	statement, parameter := p.byID[f.Uint(4)], f.Uint(2)
	switch {
	case f.Malformed || statement == nil:
		return
	case p.longData+len(f.Rest) > mysqlMaxParameterData:
		statement.tooLong = true
		return
	case statement.longData == nil:
		statement.longData = make(map[uint64][]byte)
	}
	p.longData += len(f.Rest)
	statement.longData[parameter] = append(statement.longData[parameter], f.Rest...)
}

func (p *mysqlPreparedStatements) dropLongData(statement *mysqlPrepared) {
	for _, data := range statement.longData {
		p.longData -= len(data)
	}
	statement.longData, statement.tooLong = nil, false
}

// prepare replies with the number of the statement and the definitions of its
// parameters and columns:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_prepare.html
func (s *mysqlSession) prepare(sql string) {
	statement, failure := parseMySQLStatement(sql)
	if failure != nil {
		s.fail(failure)
		return
	}
	if statement.effect == mysqlWrites {
		s.fail(s.refuseWrite())
		return
	}
	id, ok := s.prepared.add(statement, len(sql))
	if !ok {
		s.fail(&mysqlwire.Error{
			Number:   1461,
			SQLState: "42000",
			Text: "Can't create more than max_prepared_stmt_count statements (current value: 16382), " +
				"of 16 MB in rdsiamtest",
		})
		return
	}
	parameters := statement.parameters()
	reply := binary.LittleEndian.AppendUint32([]byte{mysqlwire.PacketOK}, uint32(id))
	reply = binary.LittleEndian.AppendUint16(reply, uint16(len(statement.columns)))
	reply = binary.LittleEndian.AppendUint16(reply, uint16(parameters))
	s.packets.Queue(append(reply, 0, 0, 0)) // filler, no warnings
	for range parameters {
		s.packets.Queue(mysqlString("").column("?"))
	}
	if parameters > 0 {
		s.queueColumnsEnd()
	}
	if len(statement.columns) > 0 {
		s.queueColumns(statement.columns, s.typesBeforeExecution(statement))
	}
}

// typesBeforeExecution returns values of the types that the columns will have; a
// parameter has the type that an execution brings, until then it is a string.
func (s *mysqlSession) typesBeforeExecution(statement mysqlStatement) []mysqlValue {
	values := make([]mysqlValue, len(statement.columns))
	for i, column := range statement.columns {
		values[i] = mysqlString("")
		if column.value != nil {
			values[i] = column.value(s)
		}
	}
	return values
}

func (s *mysqlSession) execute(body []byte) {
	f := mysqlwire.Fields{Rest: body}
	id := f.Uint(4)
	f.Bytes(5) // cursor type and iteration count: all rows are sent at once
	prepared := s.prepared.byID[id]
	if prepared == nil {
		s.fail(unknownMySQLStatement())
		return
	}
	tooLong := prepared.tooLong
	values, err := prepared.parameters(&f)
	s.prepared.dropLongData(prepared)
	switch {
	case tooLong:
		s.fail(&mysqlwire.Error{Number: 1105, SQLState: "HY000", Text: "The parameters sent ahead are longer than max_allowed_packet"})
	case err != nil:
		s.fail(malformedMySQL())
	default:
		s.run(prepared.statement, values, mysqlBinaryRow)
	}
}

func unknownMySQLStatement() *mysqlwire.Error {
	return &mysqlwire.Error{Number: 1243, SQLState: "HY000", Text: "Unknown prepared statement handler given to EXECUTE"}
}

// parameters takes the values of an execution:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
func (p *mysqlPrepared) parameters(f *mysqlwire.Fields) ([]mysqlValue, error) {
	n := p.statement.parameters()
	if n == 0 {
		return nil, f.Err()
	}
	nulls := f.Bytes(uint64(n+7) / 8)
	if f.Uint(1) == 1 {
		p.types = make([]mysqlParameterType, n)
		for i := range p.types {
			p.types[i] = mysqlParameterType{kind: mysqlType(f.Uint(1)), unsigned: f.Uint(1)&0x80 != 0}
		}
	}
	if f.Malformed || len(p.types) != n {
		p.types = nil
		return nil, mysqlwire.ErrMalformed
	}
	values := make([]mysqlValue, n)
	for i := range values {
		data, long := p.longData[uint64(i)]
		switch {
		case long:
			values[i] = mysqlString(string(data))
		case nulls[i/8]&(1<<(i%8)) != 0:
			values[i] = mysqlNull()
		default:
			values[i] = binaryMySQLValue(f, p.types[i].kind, p.types[i].unsigned)
		}
	}
	return values, f.Err()
}

func (s *mysqlSession) resetStatement(body []byte) {
	f := mysqlwire.Fields{Rest: body}
	prepared := s.prepared.byID[f.Uint(4)]
	if prepared == nil {
		s.fail(unknownMySQLStatement())
		return
	}
	s.prepared.dropLongData(prepared)
	s.ok()
}
