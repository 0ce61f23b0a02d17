package provision

import "slices"

// Grant is something that an account may do with something. In PostgreSQL, one on something in a
// schema comes with USAGE on the schema, unless the account has that anyway. Grants are made by the
// functions that return one and checked when an [Account] is planned. "Schema" in
// their parameters is the name of a schema in PostgreSQL, and that of a database in
// MySQL and MariaDB. Names are taken as they are: no patterns, no folding.
type Grant struct {
	targets    []target
	privileges []Privilege
	preset     *preset
}

// Database grants privileges on a database. In MySQL and MariaDB that covers all
// that is in it, now and later; in PostgreSQL it does not.
func Database(name string, p ...Privilege) Grant {
	return newGrant(target{level: levelDatabase, space: name}, p)
}

// Server grants privileges on a server of MySQL or MariaDB as a whole, which monitoring and change
// capture need: [Process], [ReplicationClient], [ReplicationSlave] and [ShowDatabases]. What would
// cover the databases of others, or the rights of accounts, is not among them.
func Server(p ...Privilege) Grant { return newGrant(target{level: levelGlobal}, p) }

// Schema grants privileges on a schema itself, in PostgreSQL.
func Schema(name string, p ...Privilege) Grant {
	return newGrant(target{level: levelSchema, space: name}, p)
}

// Table grants privileges on a table or view.
func Table(schema, name string, p ...Privilege) Grant {
	return newGrant(target{level: levelTable, space: schema, object: name}, p)
}

// AllTables grants privileges on all tables and views that a schema of PostgreSQL has
// at that time, except those of extensions. [FutureObjects] is for those to come.
func AllTables(schema string, p ...Privilege) Grant {
	return newGrant(target{level: levelAllTables, space: schema}, p)
}

// Columns grants privileges on columns of a table or view.
func Columns(schema, table string, columns []string, p ...Privilege) Grant {
	g := Grant{privileges: slices.Clone(p)}
	for _, column := range columns {
		g.targets = append(g.targets, target{level: levelColumn, space: schema, object: table, column: column})
	}
	return g
}

// Sequence grants privileges on a sequence, in PostgreSQL. Columns of type serial need
// Usage of theirs for Insert, identity columns do not.
func Sequence(schema, name string, p ...Privilege) Grant {
	return newGrant(target{level: levelSequence, space: schema, object: name}, p)
}

// AllSequences grants privileges on all sequences that a schema of PostgreSQL has at
// that time, except those of extensions.
func AllSequences(schema string, p ...Privilege) Grant {
	return newGrant(target{level: levelAllSequences, space: schema}, p)
}

// NoArguments names, in [Function] and [Procedure], the routine that takes none.
const NoArguments = "()"

// Function grants [Execute] on the functions of this name. In PostgreSQL, types choose the
// one with these argument types, OUT ones left out: types of the server as in SQL, others with
// their schema, such as "int", "timestamp with time zone" or "app.color".
func Function(schema, name string, types ...string) Grant {
	return newRoutine(levelFunction, schema, name, types)
}

// Procedure grants [Execute] on the procedures of this name; types are as for [Function].
func Procedure(schema, name string, types ...string) Grant {
	return newRoutine(levelProcedure, schema, name, types)
}

func newRoutine(l level, schema, name string, types []string) Grant {
	t := target{level: l, space: schema, object: name}
	switch {
	case len(types) == 1 && types[0] == NoArguments:
		t.args = argumentTypes(nil)
	case len(types) > 0:
		t.args = argumentTypes(types)
	}
	return newGrant(t, []Privilege{Execute})
}

// AllRoutines grants [Execute] on all functions and procedures that a schema of
// PostgreSQL has at that time, except those of extensions.
func AllRoutines(schema string) Grant {
	return newGrant(target{level: levelAllRoutines, space: schema}, []Privilege{Execute})
}

// ObjectKind is a kind of object of PostgreSQL that is to come; see [FutureObjects].
type ObjectKind uint8

// The kinds of objects.
const (
	Tables ObjectKind = iota + 1 // and views
	Sequences
	Routines
)

// FutureObjects grants privileges on what owner is going to create in a schema of
// PostgreSQL (ALTER DEFAULT PRIVILEGES). The owner is needed: without it, PostgreSQL
// would take only what the runner creates. The runner must be a member of the owner.
func FutureObjects(owner, schema string, kind ObjectKind, p ...Privilege) Grant {
	return newGrant(target{level: levelDefault, space: schema, owner: owner, kind: kind}, p)
}

func newGrant(t target, p []Privilege) Grant {
	return Grant{targets: []target{t}, privileges: slices.Clone(p)}
}

// preset is a set of grants that depends on the engine.
type preset struct {
	database string
	schemas  []string
	owners   []string
	write    bool
}

// PresetOption extends [ReadOnly] and [ReadWrite] for PostgreSQL.
type PresetOption func(*preset)

// InSchemas names the schemas of a preset. The default is public.
func InSchemas(names ...string) PresetOption {
	names = slices.Clone(names)
	return func(p *preset) { p.schemas = append(p.schemas, names...) }
}

// FutureTablesOf makes a preset cover also the tables, views and sequences that these
// owners are going to create in its schemas.
func FutureTablesOf(owners ...string) PresetOption {
	owners = slices.Clone(owners)
	return func(p *preset) { p.owners = append(p.owners, owners...) }
}

// ReadOnly lets an account read a database.
//
// In PostgreSQL: connect to it, use its schemas, and read their tables, views and
// sequences. Tables to come are read only with [FutureTablesOf]. The plan then
// requires to be run in that database. What PostgreSQL gives to everybody (temporary
// tables, functions) remains.
//
// In MySQL and MariaDB: SELECT and SHOW VIEW in that database, which covers what is
// to come.
func ReadOnly(database string, options ...PresetOption) Grant {
	return newPreset(preset{database: database}, options)
}

// ReadWrite is [ReadOnly] and lets the account also insert, update and delete rows,
// and use sequences. It cannot truncate, create, alter or drop anything.
func ReadWrite(database string, options ...PresetOption) Grant {
	return newPreset(preset{database: database, write: true}, options)
}

func newPreset(p preset, options []PresetOption) Grant {
	for _, option := range options {
		option(&p)
	}
	return Grant{preset: &p}
}

// grants returns what a preset stands for.
func (p preset) grants(e Engine) ([]Grant, error) {
	if e != PostgreSQL {
		if len(p.schemas)+len(p.owners) > 0 {
			return nil, configError("preset-unsupported", "Account.Grants", p.database, "has a preset with InSchemas or FutureTablesOf, which are for PostgreSQL",
				"leave them out: a grant on a database of "+e.String()+" covers all that is in it, now and later")
		}
		if p.write {
			return []Grant{Database(p.database, Select, Insert, Update, Delete, ShowView)}, nil
		}
		return []Grant{Database(p.database, Select, ShowView)}, nil
	}
	tables, sequences := []Privilege{Select}, []Privilege{Select}
	if p.write {
		tables, sequences = []Privilege{Select, Insert, Update, Delete}, []Privilege{Usage, Select}
	}
	schemas := p.schemas
	if len(schemas) == 0 {
		schemas = []string{"public"}
	}
	grants := []Grant{Database(p.database, Connect)}
	for _, schema := range schemas {
		grants = append(grants, AllTables(schema, tables...), AllSequences(schema, sequences...))
		for _, owner := range p.owners {
			grants = append(grants, FutureObjects(owner, schema, Tables, tables...), FutureObjects(owner, schema, Sequences, sequences...))
		}
	}
	return grants, nil
}
