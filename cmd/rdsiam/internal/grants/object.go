package grants

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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
	case p.accept("server"):
		return provision.Server(privileges...), nil
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
		schema, name, arguments, err := p.routine(privileges)
		return provision.Function(schema, name, arguments...), err
	case p.accept("procedure"):
		schema, name, arguments, err := p.routine(privileges)
		return provision.Procedure(schema, name, arguments...), err
	}
	return provision.Grant{}, p.unknownObject()
}

// unknownObject says what can stand after "on", and what was meant where it is a name.
func (p *parser) unknownObject() error {
	const kinds = `after "on" comes one of database, server, schema, table, columns, sequence, function, procedure, all …, future …`
	if len(p.words) >= 3 && p.words[1].is(".") {
		return fmt.Errorf("%s; for a table, write: on table %s.%s", kinds, p.words[0].text, p.words[2].text)
	}
	return errors.New(kinds)
}

// schema reads the name after "in", where people also write "schema".
func (p *parser) schema() (string, error) {
	if len(p.words) > 1 && p.words[0].is("schema") {
		return "", fmt.Errorf("leave the word schema out: in %s", p.words[1].text)
	}
	return p.name("schema")
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
	schema, err := p.schema()
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
	schema, err := p.schema()
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

// routine reads schema.name, or schema.name(type, type) for one of several with the name.
func (p *parser) routine(privileges []provision.Privilege) (schema, name string, arguments []string, err error) {
	if err := onlyExecute(privileges); err != nil {
		return "", "", nil, err
	}
	if schema, name, err = p.qualified("routine"); err != nil || !p.accept("(") {
		return schema, name, nil, err
	}
	var words []string
	for {
		w, ok := p.next()
		switch {
		case !ok:
			return "", "", nil, errors.New(`the types of the routine's arguments end with ")", as in function app.f(int, text)`)
		case !w.is(",") && !w.is(")"):
			words = append(words, w.text)
			continue
		case len(words) > 0 || len(arguments) > 0 || w.is(","):
			arguments, words = append(arguments, strings.Join(words, " ")), nil
		}
		if w.is(")") {
			if arguments == nil {
				arguments = []string{provision.NoArguments}
			}
			return schema, name, arguments, nil
		}
	}
}

func onlyExecute(privileges []provision.Privilege) error {
	if !slices.Equal(privileges, []provision.Privilege{provision.Execute}) {
		return errors.New("the privilege on a routine is execute")
	}
	return nil
}
