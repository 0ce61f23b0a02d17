package rdsiamtest

import (
	"bytes"
	"encoding/binary"
)

// mysqlFields takes the fields of a payload from its front. After a field that
// does not fit, every further one is zero and malformed is set, so that a
// parser checks once, at its end.
type mysqlFields struct {
	rest      []byte
	malformed bool
}

func (f *mysqlFields) bytes(n uint64) []byte {
	if f.malformed || n > uint64(len(f.rest)) {
		f.malformed = true
		return nil
	}
	taken := f.rest[:n:n]
	f.rest = f.rest[n:]
	return taken
}

// uint takes a little-endian integer of up to 8 bytes.
func (f *mysqlFields) uint(size uint64) uint64 {
	var full [8]byte
	copy(full[:], f.bytes(size))
	return binary.LittleEndian.Uint64(full[:])
}

func (f *mysqlFields) terminated() string {
	end := bytes.IndexByte(f.rest, 0)
	if end < 0 {
		f.malformed = true
		return ""
	}
	text := f.bytes(uint64(end))
	f.bytes(1)
	return string(text)
}

// lengthEncodedUint takes an integer of 1, 3, 4 or 9 bytes:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html
func (f *mysqlFields) lengthEncodedUint() uint64 {
	switch first := f.uint(1); first {
	case 0xfc:
		return f.uint(2)
	case 0xfd:
		return f.uint(3)
	case 0xfe:
		return f.uint(8)
	case 0xfb, 0xff: // NULL and the mark of an error: no lengths
		f.malformed = true
		return 0
	default:
		return first
	}
}

func (f *mysqlFields) lengthEncoded() []byte {
	return f.bytes(f.lengthEncodedUint())
}

func (f *mysqlFields) err() error {
	if f.malformed {
		return errMySQLMalformed
	}
	return nil
}

func appendMySQLUint(b []byte, n uint64) []byte {
	switch {
	case n < 0xfb:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 0xfc), uint16(n))
	case n < 1<<24:
		return append(b, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	default:
		return binary.LittleEndian.AppendUint64(append(b, 0xfe), n)
	}
}

func appendMySQLString[T string | []byte](b []byte, s T) []byte {
	return append(appendMySQLUint(b, uint64(len(s))), s...)
}

func appendMySQLTerminated(b []byte, s string) []byte {
	return append(append(b, s...), 0)
}
