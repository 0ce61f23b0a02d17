package rdsiamtest

import (
	"encoding/binary"
	"strconv"
)

// mysqlStatus are the flags that end an OK or EOF packet.
type mysqlStatus uint16

const (
	mysqlInTransaction mysqlStatus = 1 << 0
	mysqlAutocommit    mysqlStatus = 1 << 1
)

// The first byte of a packet from the server says what it is.
const (
	mysqlOK         = 0x00
	mysqlMoreData   = 0x01 // while logging in: for the authentication plugin
	mysqlAuthSwitch = 0xfe // while logging in: use another plugin
	mysqlEOF        = 0xfe
	mysqlERR        = 0xff
)

// mysqlError is an ERR packet:
// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
type mysqlError struct {
	number   uint16
	sqlState string
	text     string
}

func (e mysqlError) Error() string {
	return "Error " + strconv.Itoa(int(e.number)) + " (" + e.sqlState + "): " + e.text
}

func (e mysqlError) encode() []byte {
	b := binary.LittleEndian.AppendUint16([]byte{mysqlERR}, e.number)
	b = append(b, '#')
	b = append(b, e.sqlState...)
	return append(b, e.text...)
}

func parseMySQLError(payload []byte) mysqlError {
	f := mysqlFields{rest: payload}
	f.bytes(1)
	e := mysqlError{number: uint16(f.uint(2)), sqlState: "HY000"}
	// An error that precedes the handshake has no SQLSTATE.
	if len(f.rest) >= 6 && f.rest[0] == '#' {
		e.sqlState = string(f.bytes(6)[1:])
	}
	e.text = string(f.rest)
	return e
}

func encodeMySQLOK(status mysqlStatus) []byte {
	b := []byte{mysqlOK, 0, 0} // no rows affected, no insert id
	b = binary.LittleEndian.AppendUint16(b, uint16(status))
	return append(b, 0, 0) // no warnings
}

// encodeMySQLEnd encodes the packet that ends rows, and column definitions for
// clients that want it there.
func encodeMySQLEnd(capabilities mysqlCapabilities, status mysqlStatus) []byte {
	if !capabilities.has(mysqlDeprecateEOF) {
		return binary.LittleEndian.AppendUint16([]byte{mysqlEOF, 0, 0}, uint16(status))
	}
	b := encodeMySQLOK(status)
	b[0] = mysqlEOF
	return b
}
