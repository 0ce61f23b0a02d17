package mysql

import (
	"encoding/binary"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// The defaults of MySQL for one server hold for one session here.
const (
	maxPrepared      = 16382 // statements
	maxParameterData = maxAllowedPacket
	maxPreparedText  = 16 << 20 // bytes; a parsed statement takes up to four times its text
)

type preparedStatement struct {
	statement stmt
	types     []parameterType   // as the client last sent them
	longData  map[uint64][]byte // by parameter, sent ahead of the execution
	tooLong   bool              // more than is kept was sent
	size      int               // of its text
}

type parameterType struct {
	kind     valueType
	unsigned bool
}

// preparedStatements are those of a session. The zero value is ready to use.
type preparedStatements struct {
	byID     map[uint64]*preparedStatement
	lastID   uint64
	longData int // bytes kept in all statements
	text     int // bytes of all statements
}

func (p *preparedStatements) add(statement stmt, size int) (id uint64, ok bool) {
	if len(p.byID) == maxPrepared || p.text+size > maxPreparedText {
		return 0, false
	}
	if p.byID == nil {
		p.byID = make(map[uint64]*preparedStatement)
	}
	p.lastID = (p.lastID + 1) & (1<<32 - 1)
	p.byID[p.lastID] = &preparedStatement{statement: statement, size: size}
	p.text += size
	return p.lastID, true
}

// close forgets a statement. The client expects no reply.
func (p *preparedStatements) close(body []byte) {
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
func (p *preparedStatements) addLongData(body []byte) {
	f := mysqlwire.Fields{Rest: body}
	statement, parameter := p.byID[f.Uint(4)], f.Uint(2)
	switch {
	case f.Malformed || statement == nil:
		return
	case p.longData+len(f.Rest) > maxParameterData:
		statement.tooLong = true
		return
	case statement.longData == nil:
		statement.longData = make(map[uint64][]byte)
	}
	p.longData += len(f.Rest)
	statement.longData[parameter] = append(statement.longData[parameter], f.Rest...)
}

func (p *preparedStatements) dropLongData(statement *preparedStatement) {
	for _, data := range statement.longData {
		p.longData -= len(data)
	}
	statement.longData, statement.tooLong = nil, false
}

// prepare replies with the number of the statement and the definitions of its
// parameters and columns:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_prepare.html
func (s *Session) prepare(sql string) {
	statement, failure := parse(sql)
	if failure != nil {
		s.fail(failure)
		return
	}
	if statement.effect == writes {
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
		s.packets.Queue(stringValue("").column("?"))
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
func (s *Session) typesBeforeExecution(statement stmt) []value {
	values := make([]value, len(statement.columns))
	for i, column := range statement.columns {
		values[i] = stringValue("")
		if column.value != nil {
			values[i] = column.value(s)
		}
	}
	return values
}

func (s *Session) execute(body []byte) {
	f := mysqlwire.Fields{Rest: body}
	id := f.Uint(4)
	f.Bytes(5) // cursor type and iteration count: all rows are sent at once
	prepared := s.prepared.byID[id]
	if prepared == nil {
		s.fail(unknownStatement())
		return
	}
	tooLong := prepared.tooLong
	values, err := prepared.parameters(&f)
	s.prepared.dropLongData(prepared)
	switch {
	case tooLong:
		s.fail(&mysqlwire.Error{Number: 1105, SQLState: "HY000", Text: "The parameters sent ahead are longer than max_allowed_packet"})
	case err != nil:
		s.fail(malformed())
	default:
		s.run(prepared.statement, values, binaryRow)
	}
}

func unknownStatement() *mysqlwire.Error {
	return &mysqlwire.Error{Number: 1243, SQLState: "HY000", Text: "Unknown prepared statement handler given to EXECUTE"}
}

// parameters takes the values of an execution:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
func (p *preparedStatement) parameters(f *mysqlwire.Fields) ([]value, error) {
	n := p.statement.parameters()
	if n == 0 {
		return nil, f.Err()
	}
	nulls := f.Bytes(uint64(n+7) / 8)
	if f.Uint(1) == 1 {
		p.types = make([]parameterType, n)
		for i := range p.types {
			p.types[i] = parameterType{kind: valueType(f.Uint(1)), unsigned: f.Uint(1)&0x80 != 0}
		}
	}
	if f.Malformed || len(p.types) != n {
		p.types = nil
		return nil, mysqlwire.ErrMalformed
	}
	values := make([]value, n)
	for i := range values {
		data, long := p.longData[uint64(i)]
		switch {
		case long:
			values[i] = stringValue(string(data))
		case nulls[i/8]&(1<<(i%8)) != 0:
			values[i] = nullValue()
		default:
			values[i] = binaryValue(f, p.types[i].kind, p.types[i].unsigned)
		}
	}
	return values, f.Err()
}

func (s *Session) resetStatement(body []byte) {
	f := mysqlwire.Fields{Rest: body}
	prepared := s.prepared.byID[f.Uint(4)]
	if prepared == nil {
		s.fail(unknownStatement())
		return
	}
	s.prepared.dropLongData(prepared)
	s.ok()
}
