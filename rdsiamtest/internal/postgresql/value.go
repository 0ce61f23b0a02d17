package postgresql

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// dataType is a type that constants and parameters can have.
type dataType struct {
	name  string // in the catalog
	oid   uint32
	size  int16 // -1 if it varies
	class class
	names []string // in SQL
}

// class says how the text and the binary form of a type are related.
type class uint8

const (
	opaque class = iota // not known here: a value is only passed on as it came
	plain               // the same
	integer
	boolean
)

var (
	textType = dataType{"text", 25, -1, plain, []string{"text"}}
	nameType = dataType{"name", 19, 64, plain, []string{"name"}}
	int4Type = dataType{"int4", 23, 4, integer, []string{"int", "integer", "int4"}}
	int8Type = dataType{"int8", 20, 8, integer, []string{"bigint", "int8"}}
	boolType = dataType{"bool", 16, 1, boolean, []string{"bool", "boolean"}}

	dataTypes = []dataType{
		textType, nameType, int4Type, int8Type, boolType,
		{"int2", 21, 2, integer, []string{"smallint", "int2"}},
		{"varchar", 1043, -1, plain, []string{"varchar"}},
		{"json", 114, -1, plain, []string{"json"}},
		{"jsonb", 3802, -1, opaque, []string{"jsonb"}},
		{"bytea", 17, -1, opaque, []string{"bytea"}},
		{"float8", 701, 8, opaque, []string{"float8"}},
		{"numeric", 1700, -1, opaque, []string{"numeric"}},
		{"uuid", 2950, 16, opaque, []string{"uuid"}},
		{"timestamptz", 1184, 8, opaque, []string{"timestamptz"}},
	}
)

func typeByName(name string) (dataType, bool) {
	return findType(func(t dataType) bool { return slices.Contains(t.names, name) })
}

func typeByOID(oid uint32) (dataType, bool) {
	return findType(func(t dataType) bool { return t.oid == oid })
}

func findType(is func(dataType) bool) (dataType, bool) {
	if i := slices.IndexFunc(dataTypes, is); i >= 0 {
		return dataTypes[i], true
	}
	return dataType{}, false
}

// value is a value in one of the two forms of the protocol. The zero
// value is the empty text.
type value struct {
	data   []byte
	null   bool
	format int16
}

// encode returns the value, of type from, as type to in the given format. Nil is
// NULL.
func (v value) encode(from, to dataType, format int16) ([]byte, error) {
	if v.null {
		return nil, nil
	}
	if from.oid == to.oid && v.format == format && from.class == opaque {
		return v.bytes(), nil
	}
	text, err := v.text(from)
	if err != nil {
		return nil, err
	}
	if format == pgproto3.BinaryFormat {
		return to.binary(text)
	}
	canonical, err := to.canonical(text)
	return []byte(canonical), err
}

func (v value) bytes() []byte {
	if v.data == nil {
		return []byte{}
	}
	return v.data
}

// text returns the text form of a value.
func (v value) text(t dataType) (string, error) {
	if v.format == pgproto3.TextFormat || t.class == plain {
		return string(v.data), nil
	}
	if t.class == opaque {
		return "", unsupported("a conversion of type " + t.name)
	}
	if len(v.data) != int(t.size) {
		return "", &Error{Code: "22P03", Message: "incorrect binary data format for type " + t.name}
	}
	switch t.size {
	case 1:
		return strconv.Itoa(int(v.data[0])), nil
	case 2:
		return strconv.Itoa(int(int16(binary.BigEndian.Uint16(v.data)))), nil
	case 4:
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(v.data)))), nil
	default:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(v.data)), 10), nil
	}
}

// binary returns the binary form of a text.
func (t dataType) binary(text string) ([]byte, error) {
	canonical, err := t.canonical(text)
	if err != nil {
		return nil, err
	}
	switch t.class {
	case plain:
		return []byte(canonical), nil
	case integer:
		n, err := strconv.ParseInt(canonical, 10, 64)
		if err != nil {
			return nil, t.invalid(text)
		}
		return binary.BigEndian.AppendUint64(nil, uint64(n))[8-t.size:], nil
	case boolean:
		if canonical == "t" {
			return []byte{1}, nil
		}
		return []byte{0}, nil
	default:
		return nil, unsupported("a value of type " + t.name + " in binary")
	}
}

// canonical returns text as the type prints it.
func (t dataType) canonical(text string) (string, error) {
	switch t.class {
	case integer:
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 8*int(t.size))
		if err != nil {
			return "", t.invalid(text)
		}
		return strconv.FormatInt(n, 10), nil
	case boolean:
		switch strings.ToLower(text) {
		case "t", "true", "1", "on", "yes", "y":
			return "t", nil
		case "f", "false", "0", "off", "no", "n":
			return "f", nil
		}
		return "", t.invalid(text)
	default:
		return text, nil
	}
}

func (t dataType) invalid(text string) error {
	return &Error{Code: "22P02", Message: fmt.Sprintf("invalid input syntax for type %s: %q", t.name, brief.Name(text))}
}
