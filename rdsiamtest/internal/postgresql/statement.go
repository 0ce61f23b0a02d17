package postgresql

import "fmt"

// stmt is one of the few statements that a server answers by
// itself.
type stmt struct {
	tag       string       // command tag; "" for an empty statement
	columns   []expression // of a SELECT
	name      string       // what DEALLOCATE names; "" is all
	savepoint bool         // ROLLBACK TO: the transaction goes on
	access    accessMode   // of BEGIN and SET

	write       *writeCommand // of a statement that is refused: by a read-only server,
	unsupported error         // and by any other
}

type expression struct {
	name      string
	typ       dataType
	value     value  // of a constant
	parameter int    // number of a parameter, from 1; 0 for none
	function  string // name of a function without arguments; "" for none
	setting   string // what SHOW shows; "" for none
	typed     bool   // there is a cast
}

const unsupportedHint = "rdsiamtest.WithUpstream hands the session to a real server."

func unsupported(what string) error {
	return &Error{
		Code: "0A000",
		Message: "rdsiamtest answers only SELECT of constants, parameters, current_user and version(), " +
			"SET and transaction statements; it cannot answer " + what,
		Hint: unsupportedHint,
	}
}

// parameterCount returns the highest number of a parameter.
func (s stmt) parameterCount() int {
	count := 0
	for _, column := range s.columns {
		count = max(count, column.parameter)
	}
	return count
}

// parameterTypes returns the types of the parameters: those that the client
// gives, else those of their casts, else text. It makes them the types of the
// columns that have no cast.
func (s stmt) parameterTypes(given []uint32) ([]dataType, error) {
	types := make([]dataType, max(s.parameterCount(), len(given)))
	for i, oid := range given {
		if oid == 0 {
			continue
		}
		typ, ok := typeByOID(oid)
		if !ok {
			return nil, unsupported(fmt.Sprintf("a parameter of the type with OID %d", oid))
		}
		types[i] = typ
	}
	for _, column := range s.columns {
		if n := column.parameter; n > 0 && types[n-1].oid == 0 && column.typed {
			types[n-1] = column.typ
		}
	}
	for i := range types {
		if types[i].oid == 0 {
			types[i] = textType
		}
	}
	for i, column := range s.columns {
		if n := column.parameter; n > 0 && !column.typed {
			s.columns[i].typ = types[n-1]
		}
	}
	return types, nil
}
