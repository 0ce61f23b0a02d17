package mysqlwire

import (
	"bytes"
	"encoding/binary"
)

// Fields takes the fields of a payload from its front. After a field that does
// not fit, every further one is zero and Malformed is set, so that a parser
// checks once, at its end.
type Fields struct {
	Rest      []byte
	Malformed bool
}

// Bytes takes n bytes.
func (f *Fields) Bytes(n uint64) []byte {
	if f.Malformed || n > uint64(len(f.Rest)) {
		f.Malformed = true
		return nil
	}
	taken := f.Rest[:n:n]
	f.Rest = f.Rest[n:]
	return taken
}

// Uint takes a little-endian integer of up to 8 bytes.
func (f *Fields) Uint(size uint64) uint64 {
	var full [8]byte
	copy(full[:], f.Bytes(size))
	return binary.LittleEndian.Uint64(full[:])
}

// Terminated takes a text that ends with a NUL.
func (f *Fields) Terminated() string {
	end := bytes.IndexByte(f.Rest, 0)
	if end < 0 {
		f.Malformed = true
		return ""
	}
	text := f.Bytes(uint64(end))
	f.Bytes(1)
	return string(text)
}

// LengthEncodedUint takes an integer of 1, 3, 4 or 9 bytes:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html
func (f *Fields) LengthEncodedUint() uint64 {
	switch first := f.Uint(1); first {
	case 0xfc:
		return f.Uint(2)
	case 0xfd:
		return f.Uint(3)
	case 0xfe:
		return f.Uint(8)
	case 0xfb, 0xff: // NULL and the mark of an error: no lengths
		f.Malformed = true
		return 0
	default:
		return first
	}
}

// LengthEncoded takes bytes that their length precedes.
func (f *Fields) LengthEncoded() []byte {
	return f.Bytes(f.LengthEncodedUint())
}

// Err is [ErrMalformed] if a field did not fit.
func (f *Fields) Err() error {
	if f.Malformed {
		return ErrMalformed
	}
	return nil
}

// AppendUint appends what [Fields.LengthEncodedUint] takes.
func AppendUint(b []byte, n uint64) []byte {
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

// AppendString appends what [Fields.LengthEncoded] takes.
func AppendString[T string | []byte](b []byte, s T) []byte {
	return append(AppendUint(b, uint64(len(s))), s...)
}

// AppendTerminated appends what [Fields.Terminated] takes.
func AppendTerminated(b []byte, s string) []byte {
	return append(append(b, s...), 0)
}
