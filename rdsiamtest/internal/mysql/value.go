package mysql

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// valueType is the type of a column or parameter:
// https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html
type valueType byte

const (
	typeTiny       valueType = 1
	typeShort      valueType = 2
	typeLong       valueType = 3
	typeFloat      valueType = 4
	typeDouble     valueType = 5
	typeNull       valueType = 6
	typeTimestamp  valueType = 7
	typeLongLong   valueType = 8
	typeInt24      valueType = 9
	typeDate       valueType = 10
	typeTime       valueType = 11
	typeDateTime   valueType = 12
	typeYear       valueType = 13
	typeVarChar    valueType = 15
	typeNewDecimal valueType = 246
	typeTinyBlob   valueType = 249
	typeMediumBlob valueType = 250
	typeLongBlob   valueType = 251
	typeBlob       valueType = 252
	typeVarString  valueType = 253
	typeString     valueType = 254
)

// value is one value of a row, in both forms that a row can have.
type value struct {
	kind     valueType // typeNull: NULL
	unsigned bool
	text     []byte // for the rows of COM_QUERY
	binary   []byte // for those of COM_STMT_EXECUTE, with its length where it has one
}

func nullValue() value { return value{kind: typeNull} }

func stringValue(s string) value {
	return value{kind: typeVarString, text: []byte(s), binary: mysqlwire.AppendString(nil, s)}
}

func decimalValue(digits string) value {
	v := stringValue(digits)
	v.kind = typeNewDecimal
	return v
}

func intValue(n int64) value {
	v := uintValue(uint64(n))
	v.unsigned, v.text = false, strconv.AppendInt(nil, n, 10)
	return v
}

func boolValue(b bool) value {
	if b {
		return intValue(1)
	}
	return intValue(0)
}

func uintValue(n uint64) value {
	return value{
		kind:     typeLongLong,
		unsigned: true,
		text:     strconv.AppendUint(nil, n, 10),
		binary:   binary.LittleEndian.AppendUint64(nil, n),
	}
}

// binaryValue takes the value of a parameter. It is only ever sent back in
// the same form, so that it needs no text.
func binaryValue(f *mysqlwire.Fields, kind valueType, unsigned bool) value {
	before := f.Rest
	switch kind {
	case typeNull:
	case typeTiny:
		f.Bytes(1)
	case typeShort, typeYear:
		f.Bytes(2)
	case typeLong, typeInt24, typeFloat:
		f.Bytes(4)
	case typeLongLong, typeDouble:
		f.Bytes(8)
	case typeDate, typeDateTime, typeTimestamp, typeTime:
		f.Bytes(f.Uint(1))
	case typeVarChar, typeString:
		kind = typeVarString
		f.LengthEncoded()
	default: // VAR_STRING, blobs, decimals, JSON, geometry
		f.LengthEncoded()
	}
	return value{kind: kind, unsigned: unsigned, binary: before[:len(before)-len(f.Rest)]}
}

// Collation is utf8mb4_0900_ai_ci, the default of MySQL 8.
const Collation = 255

const (
	binaryCollation = 63 // pseudo character set of numbers and bytes

	binaryFlag   = 1 << 7
	unsignedFlag = 1 << 5
)

// column encodes the definition of the column that v is in:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
func (v value) column(name string) []byte {
	collation, flags, length, decimals := uint16(binaryCollation), uint16(binaryFlag), uint32(255), byte(0)
	switch v.kind {
	case typeVarString:
		collation, flags, length = Collation, 0, uint32(max(len(v.text), len(v.binary)))*4
	case typeTinyBlob, typeBlob, typeMediumBlob, typeLongBlob:
		length = uint32(len(v.binary))
	case typeFloat, typeDouble, typeTime, typeDateTime, typeTimestamp:
		decimals = 31 // as many as there are
	}
	if v.unsigned {
		flags |= unsignedFlag
	}
	b := mysqlwire.AppendString(nil, "def")
	b = append(b, 0, 0, 0) // no schema, table, original table
	b = mysqlwire.AppendString(b, name)
	b = append(b, 0, 12) // no original column; 12 bytes follow
	b = binary.LittleEndian.AppendUint16(b, collation)
	b = binary.LittleEndian.AppendUint32(b, length)
	b = append(b, byte(v.kind))
	b = binary.LittleEndian.AppendUint16(b, flags)
	return append(b, decimals, 0, 0)
}

func textRow(values []value) []byte {
	var b []byte
	for _, v := range values {
		if v.kind == typeNull {
			b = append(b, 0xfb)
			continue
		}
		b = mysqlwire.AppendString(b, v.text)
	}
	return b
}

// binaryRow encodes a row of a prepared statement. The bits that mark NULL
// start at the third:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
func binaryRow(values []value) []byte {
	head := make([]byte, 1+(len(values)+7+2)/8)
	var data []byte
	for i, v := range values {
		if v.kind == typeNull {
			head[1+(i+2)/8] |= 1 << ((i + 2) % 8)
			continue
		}
		data = append(data, v.binary...)
	}
	return slices.Concat(head, data)
}
