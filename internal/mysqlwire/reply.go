package mysqlwire

import (
	"encoding/binary"
	"strconv"
)

// Status are the flags that end an OK or EOF packet.
type Status uint16

// The flags that a server needs which answers statements by itself.
const (
	InTransaction Status = 1 << 0
	Autocommit    Status = 1 << 1
)

// The first byte of a packet from the server says what it is.
const (
	PacketOK         = 0x00
	PacketMoreData   = 0x01 // while logging in: for the authentication plugin
	PacketAuthSwitch = 0xfe // while logging in: use another plugin
	PacketEOF        = 0xfe
	PacketError      = 0xff
)

// Error is an ERR packet:
// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
type Error struct {
	Number   uint16
	SQLState string
	Text     string
}

// Error returns number, SQLSTATE and text in the words of MySQL's own client.
func (e Error) Error() string {
	return "Error " + strconv.Itoa(int(e.Number)) + " (" + e.SQLState + "): " + e.Text
}

// Encode returns the payload of the packet.
func (e Error) Encode() []byte {
	b := binary.LittleEndian.AppendUint16([]byte{PacketError}, e.Number)
	b = append(b, '#')
	b = append(b, e.SQLState...)
	return append(b, e.Text...)
}

// ParseError parses the payload of an ERR packet.
func ParseError(payload []byte) Error {
	f := Fields{Rest: payload}
	f.Bytes(1)
	e := Error{Number: uint16(f.Uint(2)), SQLState: "HY000"}
	// An error that precedes the handshake has no SQLSTATE.
	if len(f.Rest) >= 6 && f.Rest[0] == '#' {
		e.SQLState = string(f.Bytes(6)[1:])
	}
	e.Text = string(f.Rest)
	return e
}

// EncodeOK returns the payload of an OK packet of a statement that changed
// nothing.
func EncodeOK(status Status) []byte {
	b := []byte{PacketOK, 0, 0} // no rows affected, no insert id
	b = binary.LittleEndian.AppendUint16(b, uint16(status))
	return append(b, 0, 0) // no warnings
}
