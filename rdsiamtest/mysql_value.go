package rdsiamtest

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// mysqlType is the type of a column or parameter:
// https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html
type mysqlType byte

const (
	mysqlTypeTiny       mysqlType = 1
	mysqlTypeShort      mysqlType = 2
	mysqlTypeLong       mysqlType = 3
	mysqlTypeFloat      mysqlType = 4
	mysqlTypeDouble     mysqlType = 5
	mysqlTypeNull       mysqlType = 6
	mysqlTypeTimestamp  mysqlType = 7
	mysqlTypeLongLong   mysqlType = 8
	mysqlTypeInt24      mysqlType = 9
	mysqlTypeDate       mysqlType = 10
	mysqlTypeTime       mysqlType = 11
	mysqlTypeDateTime   mysqlType = 12
	mysqlTypeYear       mysqlType = 13
	mysqlTypeVarChar    mysqlType = 15
	mysqlTypeNewDecimal mysqlType = 246
	mysqlTypeTinyBlob   mysqlType = 249
	mysqlTypeMediumBlob mysqlType = 250
	mysqlTypeLongBlob   mysqlType = 251
	mysqlTypeBlob       mysqlType = 252
	mysqlTypeVarString  mysqlType = 253
	mysqlTypeString     mysqlType = 254
)

// mysqlValue is one value of a row, in both forms that a row can have.
type mysqlValue struct {
	kind     mysqlType // mysqlTypeNull: NULL
	unsigned bool
	text     []byte // for the rows of COM_QUERY
	binary   []byte // for those of COM_STMT_EXECUTE, with its length where it has one
}

func mysqlNull() mysqlValue { return mysqlValue{kind: mysqlTypeNull} }

func mysqlString(s string) mysqlValue {
	return mysqlValue{kind: mysqlTypeVarString, text: []byte(s), binary: mysqlwire.AppendString(nil, s)}
}

func mysqlDecimal(digits string) mysqlValue {
	v := mysqlString(digits)
	v.kind = mysqlTypeNewDecimal
	return v
}

func mysqlInt(n int64) mysqlValue {
	v := mysqlUint(uint64(n))
	v.unsigned, v.text = false, strconv.AppendInt(nil, n, 10)
	return v
}

func mysqlBool(b bool) mysqlValue {
	if b {
		return mysqlInt(1)
	}
	return mysqlInt(0)
}

func mysqlUint(n uint64) mysqlValue {
	return mysqlValue{
		kind:     mysqlTypeLongLong,
		unsigned: true,
		text:     strconv.AppendUint(nil, n, 10),
		binary:   binary.LittleEndian.AppendUint64(nil, n),
	}
}

// binaryMySQLValue takes the value of a parameter. It is only ever sent back in
// the same form, so that it needs no text.
func binaryMySQLValue(f *mysqlwire.Fields, kind mysqlType, unsigned bool) mysqlValue {
	before := f.Rest
	switch kind {
	case mysqlTypeNull:
	case mysqlTypeTiny:
		f.Bytes(1)
	case mysqlTypeShort, mysqlTypeYear:
		f.Bytes(2)
	case mysqlTypeLong, mysqlTypeInt24, mysqlTypeFloat:
		f.Bytes(4)
	case mysqlTypeLongLong, mysqlTypeDouble:
		f.Bytes(8)
	case mysqlTypeDate, mysqlTypeDateTime, mysqlTypeTimestamp, mysqlTypeTime:
		f.Bytes(f.Uint(1))
	case mysqlTypeVarChar, mysqlTypeString:
		kind = mysqlTypeVarString
		f.LengthEncoded()
	default: // VAR_STRING, blobs, decimals, JSON, geometry
		f.LengthEncoded()
	}
	return mysqlValue{kind: kind, unsigned: unsigned, binary: before[:len(before)-len(f.Rest)]}
}

const (
	mysqlUTF8MB4 = 255 // collation utf8mb4_0900_ai_ci, the default of MySQL 8
	mysqlBinary  = 63  // pseudo character set of numbers and bytes

	mysqlBinaryFlag   = 1 << 7
	mysqlUnsignedFlag = 1 << 5
)

// column encodes the definition of the column that v is in:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
func (v mysqlValue) column(name string) []byte {
	collation, flags, length, decimals := uint16(mysqlBinary), uint16(mysqlBinaryFlag), uint32(255), byte(0)
	switch v.kind {
	case mysqlTypeVarString:
		collation, flags, length = mysqlUTF8MB4, 0, uint32(max(len(v.text), len(v.binary)))*4
	case mysqlTypeTinyBlob, mysqlTypeBlob, mysqlTypeMediumBlob, mysqlTypeLongBlob:
		length = uint32(len(v.binary))
	case mysqlTypeFloat, mysqlTypeDouble, mysqlTypeTime, mysqlTypeDateTime, mysqlTypeTimestamp:
		decimals = 31 // as many as there are
	}
	if v.unsigned {
		flags |= mysqlUnsignedFlag
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

func mysqlTextRow(values []mysqlValue) []byte {
	var b []byte
	for _, v := range values {
		if v.kind == mysqlTypeNull {
			b = append(b, 0xfb)
			continue
		}
		b = mysqlwire.AppendString(b, v.text)
	}
	return b
}

// mysqlBinaryRow encodes a row of a prepared statement. The bits that mark NULL
// start at the third:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
func mysqlBinaryRow(values []mysqlValue) []byte {
	head := make([]byte, 1+(len(values)+7+2)/8)
	var data []byte
	for i, v := range values {
		if v.kind == mysqlTypeNull {
			head[1+(i+2)/8] |= 1 << ((i + 2) % 8)
			continue
		}
		data = append(data, v.binary...)
	}
	return slices.Concat(head, data)
}
