package proxy

import "github.com/rdsiam/rdsiam/internal/mysqlwire"

// mysqlAnswer is how far a server has come with the answer to a command.
type mysqlAnswer struct {
	begun   bool
	command byte
	noEOF   bool

	step          mysqlStep
	definitions   int // packets that are still to come, in the answer to a PREPARE
	inTransaction bool
}

// mysqlStep is what the next packet is.
type mysqlStep uint8

const (
	firstPacket mysqlStep = iota // of a result
	columns
	rows
	definitions
)

// Status flags of OK and EOF packets.
const (
	statusInTransaction = 0x0001
	statusMoreResults   = 0x0008
	statusCursor        = 0x0040 // the rows are fetched later
)

// see takes the next packet, of which body is the beginning and size the length, and reports
// whether it is the last.
func (a *mysqlAnswer) see(body []byte, size int) (last bool) {
	if len(body) == 0 {
		return false
	}
	switch {
	case a.command == mysqlStatistics: // a text without a header
		return true
	case body[0] == mysqlwire.PacketError:
		return !isProgress(body)
	}
	switch a.step {
	case firstPacket:
		return a.seeFirst(body, size)
	case columns:
		return a.seeColumn(body, size)
	case definitions:
		a.definitions--
		return a.definitions == 0
	default:
		return isEnd(body, size) && a.ended(a.endStatus(body, size))
	}
}

func (a *mysqlAnswer) seeFirst(body []byte, size int) (last bool) {
	const localFile = 0xfb // the client sends a file, and a packet like this one follows
	switch {
	case a.command == mysqlPrepare:
		return a.seePrepared(body)
	case a.command == mysqlBinlogDump, a.command == mysqlBinlogGTID:
		return isEnd(body, size)
	case a.command == mysqlFieldList, a.command == mysqlFetch:
		a.step = rows
		return a.see(body, size)
	case body[0] == mysqlwire.PacketOK:
		return a.ended(okStatus(body))
	case isEnd(body, size):
		return a.ended(a.endStatus(body, size))
	case body[0] != localFile:
		a.step = columns
	}
	return false
}

// seeColumn takes what follows the number of columns. Without EOF packets between, column
// definitions and rows are ended alike.
func (a *mysqlAnswer) seeColumn(body []byte, size int) (last bool) {
	if !isEnd(body, size) {
		return false
	}
	status := a.endStatus(body, size)
	if a.noEOF || status&statusCursor != 0 {
		return a.ended(status)
	}
	a.step = rows
	return false
}

// seePrepared counts what follows: a definition for each parameter and each column.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_prepare.html
func (a *mysqlAnswer) seePrepared(body []byte) (last bool) {
	f := mysqlwire.Fields{Rest: body}
	f.Bytes(5) // header and number of the statement
	for range 2 {
		count := int(f.Uint(2))
		if count > 0 && !a.noEOF {
			count++
		}
		a.definitions += count
	}
	a.step = definitions
	return a.definitions == 0
}

// ended takes the status at the end of a result, and reports whether it was the last one.
func (a *mysqlAnswer) ended(status uint16) (last bool) {
	a.inTransaction = status&statusInTransaction != 0
	a.step = firstPacket
	return status&statusMoreResults == 0
}

// isEnd tells the packet that ends rows, an EOF or an OK in its place, from a row that
// begins with the mark of a value of 16 MB or more.
func isEnd(body []byte, size int) bool {
	return body[0] == mysqlwire.PacketEOF && size < mysqlMaxPacket
}

// endStatus returns the status of such a packet. An EOF packet has it behind a number of
// warnings.
func (a *mysqlAnswer) endStatus(body []byte, size int) uint16 {
	const eofSize = 5
	if size == eofSize && !a.noEOF {
		f := mysqlwire.Fields{Rest: body}
		f.Bytes(3)
		return uint16(f.Uint(2))
	}
	return okStatus(body)
}

func okStatus(body []byte) uint16 {
	f := mysqlwire.Fields{Rest: body}
	f.Bytes(1)
	f.LengthEncodedUint() // rows that were changed
	f.LengthEncodedUint() // the last number that was given
	return uint16(f.Uint(2))
}

// isProgress tells a report of MariaDB on the progress of a statement, which looks like an
// error with the number 65535.
func isProgress(body []byte) bool {
	return len(body) >= 3 && body[1] == 0xff && body[2] == 0xff
}
