package grants

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rdsiam/rdsiam/provision"
)

// object reads what the privileges are on.
func (p *parser) object(privileges []provision.Privilege) (provision.Grant, error) {
	switch {
	case p.accept("all"):
		return p.all(privileges)
	case p.accept("future"):
		return p.future(privileges)
	case p.accept("database"):
		name, err := p.name("database")
		return provision.Database(name, privileges...), err
	case p.accept("schema"):
		name, err := p.name("schema")
		return provision.Schema(name, privileges...), err
	case p.accept("table"):
		schema, name, err := p.qualified("table")
		return provision.Table(schema, name, privileges...), err
	case p.accept("columns"):
		return p.columns(privileges)
	case p.accept("sequence"):
		schema, name, err := p.qualified("sequence")
		return provision.Sequence(schema, name, privileges...), err
	case p.accept("function"):
		schema, name, err := p.routine(privileges)
		return provision.Function(schema, name), err
	case p.accept("procedure"):
		schema, name, err := p.routine(privileges)
		return provision.Procedure(schema, name), err
	}
	return provision.Grant{}, errors.New("after \"on\" comes one of database, schema, table, columns, sequence, function, procedure, all …, future …")
}

// all reads "tables in SCHEMA" and the like.
func (p *parser) all(privileges []provision.Privilege) (provision.Grant, error) {
	kind, err := p.kind("all")
	if err != nil {
		return provision.Grant{}, err
	}
	if err := p.expect("in"); err != nil {
		return provision.Grant{}, err
	}
	schema, err := p.name("schema")
	switch kind {
	case provision.Tables:
		return provision.AllTables(schema, privileges...), err
	case provision.Sequences:
		return provision.AllSequences(schema, privileges...), err
	}
	if err == nil {
		err = onlyExecute(privileges)
	}
	return provision.AllRoutines(schema), err
}

// future reads "tables of OWNER in SCHEMA" and the like.
func (p *parser) future(privileges []provision.Privilege) (provision.Grant, error) {
	kind, err := p.kind("future")
	if err != nil {
		return provision.Grant{}, err
	}
	if err := p.expect("of"); err != nil {
		return provision.Grant{}, err
	}
	owner, err := p.name("owner")
	if err != nil {
		return provision.Grant{}, err
	}
	if err := p.expect("in"); err != nil {
		return provision.Grant{}, err
	}
	schema, err := p.name("schema")
	return provision.FutureObjects(owner, schema, kind, privileges...), err
}

func (p *parser) kind(after string) (provision.ObjectKind, error) {
	switch {
	case p.accept("tables"):
		return provision.Tables, nil
	case p.accept("sequences"):
		return provision.Sequences, nil
	case p.accept("routines"):
		return provision.Routines, nil
	}
	return 0, fmt.Errorf("after %q comes one of tables, sequences, routines", after)
}

func (p *parser) columns(privileges []provision.Privilege) (provision.Grant, error) {
	schema, table, err := p.qualified("table")
	if err != nil {
		return provision.Grant{}, err
	}
	if err := p.expect("("); err != nil {
		return provision.Grant{}, err
	}
	var columns []string
	for {
		column, err := p.name("column")
		if err != nil {
			return provision.Grant{}, err
		}
		columns = append(columns, column)
		if p.accept(")") {
			return provision.Columns(schema, table, columns, privileges...), nil
		}
		if err := p.expect(","); err != nil {
			return provision.Grant{}, err
		}
	}
}

func (p *parser) routine(privileges []provision.Privilege) (schema, name string, err error) {
	if err := onlyExecute(privileges); err != nil {
		return "", "", err
	}
	return p.qualified("routine")
}

func onlyExecute(privileges []provision.Privilege) error {
	if !slices.Equal(privileges, []provision.Privilege{provision.Execute}) {
		return errors.New("the privilege on a routine is execute")
	}
	return nil
}
