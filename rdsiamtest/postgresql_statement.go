package rdsiamtest

import "fmt"

// postgresStatement is one of the few statements that a server answers by
// itself.
type postgresStatement struct {
	tag       string           // command tag; "" for an empty statement
	columns   []postgresColumn // of a SELECT
	name      string           // what DEALLOCATE names; "" is all
	savepoint bool             // ROLLBACK TO: the transaction goes on
	access    postgresAccess   // of BEGIN and SET

	write       *postgresWrite // of a statement that is refused: by a read-only server,
	unsupported error          // and by any other
}

type postgresColumn struct {
	name      string
	typ       postgresType
	value     postgresValue // of a constant
	parameter int           // number of a parameter, from 1; 0 for none
	function  string        // name of a function without arguments; "" for none
	setting   string        // what SHOW shows; "" for none
	typed     bool          // there is a cast
}

const postgresUnsupportedHint = "rdsiamtest.WithUpstream hands the session to a real server."

func unsupportedPostgres(what string) error {
	return &postgresError{
		code: "0A000",
		message: "rdsiamtest answers only SELECT of constants, parameters, current_user and version(), " +
			"SET and transaction statements; it cannot answer " + what,
		hint: postgresUnsupportedHint,
	}
}

// parameterCount returns the highest number of a parameter.
func (s postgresStatement) parameterCount() int {
	count := 0
	for _, column := range s.columns {
		count = max(count, column.parameter)
	}
	return count
}

// parameterTypes returns the types of the parameters: those that the client
// gives, else those of their casts, else text. It makes them the types of the
// columns that have no cast.
func (s postgresStatement) parameterTypes(given []uint32) ([]postgresType, error) {
	types := make([]postgresType, max(s.parameterCount(), len(given)))
	for i, oid := range given {
		if oid == 0 {
			continue
		}
		typ, ok := postgresTypeByOID(oid)
		if !ok {
			return nil, unsupportedPostgres(fmt.Sprintf("a parameter of the type with OID %d", oid))
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
			types[i] = postgresText
		}
	}
	for i, column := range s.columns {
		if n := column.parameter; n > 0 && !column.typed {
			s.columns[i].typ = types[n-1]
		}
	}
	return types, nil
}
