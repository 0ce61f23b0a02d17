package postgresql

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"
)

// run executes a portal.
func (s *Session) run(portal *portal) error {
	statement := portal.statement
	if s.txStatus == 'E' && statement.tag != "COMMIT" && statement.tag != "ROLLBACK" {
		return &Error{
			Code:    "25P02",
			Message: "current transaction is aborted, commands ignored until end of transaction block",
		}
	}
	switch {
	case statement.tag == "":
		s.send(&pgproto3.EmptyQueryResponse{})
		return nil
	case statement.write != nil:
		return s.refuseWrite(statement)
	case len(statement.columns) > 0:
		return s.answer(portal)
	}
	if err := s.checkAccess(statement.access); err != nil {
		return err
	}
	s.send(&pgproto3.CommandComplete{CommandTag: []byte(s.change(statement))})
	return nil
}

// change makes the change that a statement asks for and returns its command tag.
func (s *Session) change(statement stmt) string {
	switch statement.tag {
	case "BEGIN":
		if s.txStatus == 'I' {
			s.txStatus, s.readOnlyNow = 'T', s.readOnlyDefault
		}
		s.setAccess(statement.access)
	case "SET":
		s.setAccess(statement.access)
	case "COMMIT":
		failed := s.txStatus == 'E'
		s.txStatus = 'I'
		if failed {
			return "ROLLBACK"
		}
	case "ROLLBACK":
		s.txStatus = 'I'
		if statement.savepoint {
			s.txStatus = 'T'
		}
	case "DISCARD ALL":
		clear(s.prepared)
		s.readOnlyDefault = s.readOnlyStart
	case "DEALLOCATE ALL":
		clear(s.prepared)
	case "DEALLOCATE":
		delete(s.prepared, statement.name)
	}
	return statement.tag
}

// answer sends the row of a SELECT, once for each portal.
func (s *Session) answer(portal *portal) error {
	tag := func(rows string) {
		if portal.statement.tag == "SHOW" {
			rows = "SHOW"
		}
		s.send(&pgproto3.CommandComplete{CommandTag: []byte(rows)})
	}
	if portal.done {
		tag("SELECT 0")
		return nil
	}
	row, size := &pgproto3.DataRow{}, 0
	for i, column := range portal.statement.columns {
		value, from := column.value, column.typ
		switch {
		case column.parameter > 0:
			value, from = portal.parameters[column.parameter-1], portal.types[column.parameter-1]
		case column.setting != "":
			value.data = []byte(s.setting(column.setting))
		case column.function != "":
			value.data = []byte(s.call(column.function))
		}
		data, err := value.encode(from, column.typ, formatAt(portal.resultFormats, i))
		if err != nil {
			return err
		}
		if size += len(data); size > maxMessage {
			return &Error{Code: "54000", Message: fmt.Sprintf("rdsiamtest sends rows of at most %d MB", maxMessage>>20)}
		}
		row.Values = append(row.Values, data)
	}
	portal.done = true
	s.send(row)
	tag("SELECT 1")
	return nil
}

func (s *Session) call(function string) string {
	switch function {
	case "version":
		return "PostgreSQL " + serverVersion
	case "pg_is_in_recovery":
		return onOff(s.standby())
	case "current_database":
		return s.client.Database
	default:
		return s.client.User
	}
}

func (p *portal) rowDescription() *pgproto3.RowDescription {
	description := &pgproto3.RowDescription{}
	for i, column := range p.statement.columns {
		description.Fields = append(description.Fields, pgproto3.FieldDescription{
			Name:         []byte(column.name),
			DataTypeOID:  column.typ.oid,
			DataTypeSize: column.typ.size,
			TypeModifier: -1,
			Format:       formatAt(p.resultFormats, i),
		})
	}
	return description
}
