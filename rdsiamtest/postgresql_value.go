package rdsiamtest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// postgresType is a type that constants and parameters can have.
type postgresType struct {
	name  string // in the catalog
	oid   uint32
	size  int16 // -1 if it varies
	class postgresClass
	names []string // in SQL
}

// postgresClass says how the text and the binary form of a type are related.
type postgresClass uint8

const (
	postgresOpaque postgresClass = iota // not known here: a value is only passed on as it came
	postgresPlain                       // the same
	postgresInteger
	postgresBoolean
)

var (
	postgresText     = postgresType{"text", 25, -1, postgresPlain, []string{"text"}}
	postgresNameType = postgresType{"name", 19, 64, postgresPlain, []string{"name"}}
	postgresInt4     = postgresType{"int4", 23, 4, postgresInteger, []string{"int", "integer", "int4"}}
	postgresInt8     = postgresType{"int8", 20, 8, postgresInteger, []string{"bigint", "int8"}}
	postgresBool     = postgresType{"bool", 16, 1, postgresBoolean, []string{"bool", "boolean"}}

	postgresTypes = []postgresType{
		postgresText, postgresNameType, postgresInt4, postgresInt8, postgresBool,
		{"int2", 21, 2, postgresInteger, []string{"smallint", "int2"}},
		{"varchar", 1043, -1, postgresPlain, []string{"varchar"}},
		{"json", 114, -1, postgresPlain, []string{"json"}},
		{"jsonb", 3802, -1, postgresOpaque, []string{"jsonb"}},
		{"bytea", 17, -1, postgresOpaque, []string{"bytea"}},
		{"float8", 701, 8, postgresOpaque, []string{"float8"}},
		{"numeric", 1700, -1, postgresOpaque, []string{"numeric"}},
		{"uuid", 2950, 16, postgresOpaque, []string{"uuid"}},
		{"timestamptz", 1184, 8, postgresOpaque, []string{"timestamptz"}},
	}
)

func postgresTypeByName(name string) (postgresType, bool) {
	return findPostgresType(func(t postgresType) bool { return slices.Contains(t.names, name) })
}

func postgresTypeByOID(oid uint32) (postgresType, bool) {
	return findPostgresType(func(t postgresType) bool { return t.oid == oid })
}

func findPostgresType(is func(postgresType) bool) (postgresType, bool) {
	if i := slices.IndexFunc(postgresTypes, is); i >= 0 {
		return postgresTypes[i], true
	}
	return postgresType{}, false
}

// postgresValue is a value in one of the two forms of the protocol. The zero
// value is the empty text.
type postgresValue struct {
	data   []byte
	null   bool
	format int16
}

// encode returns the value, of type from, as type to in the given format. Nil is
// NULL.
func (v postgresValue) encode(from, to postgresType, format int16) ([]byte, error) {
	if v.null {
		return nil, nil
	}
	if from.oid == to.oid && v.format == format && from.class == postgresOpaque {
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

func (v postgresValue) bytes() []byte {
	if v.data == nil {
		return []byte{}
	}
	return v.data
}

// text returns the text form of a value.
func (v postgresValue) text(t postgresType) (string, error) {
	if v.format == pgproto3.TextFormat || t.class == postgresPlain {
		return string(v.data), nil
	}
	if t.class == postgresOpaque {
		return "", unsupportedPostgres("a conversion of type " + t.name)
	}
	if len(v.data) != int(t.size) {
		return "", &postgresError{code: "22P03", message: "incorrect binary data format for type " + t.name}
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
func (t postgresType) binary(text string) ([]byte, error) {
	canonical, err := t.canonical(text)
	if err != nil {
		return nil, err
	}
	switch t.class {
	case postgresPlain:
		return []byte(canonical), nil
	case postgresInteger:
		n, err := strconv.ParseInt(canonical, 10, 64)
		if err != nil {
			return nil, t.invalid(text)
		}
		return binary.BigEndian.AppendUint64(nil, uint64(n))[8-t.size:], nil
	case postgresBoolean:
		if canonical == "t" {
			return []byte{1}, nil
		}
		return []byte{0}, nil
	default:
		return nil, unsupportedPostgres("a value of type " + t.name + " in binary")
	}
}

// canonical returns text as the type prints it.
func (t postgresType) canonical(text string) (string, error) {
	switch t.class {
	case postgresInteger:
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 8*int(t.size))
		if err != nil {
			return "", t.invalid(text)
		}
		return strconv.FormatInt(n, 10), nil
	case postgresBoolean:
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

func (t postgresType) invalid(text string) error {
	return &postgresError{code: "22P02", message: fmt.Sprintf("invalid input syntax for type %s: %q", t.name, brief.Name(text))}
}
