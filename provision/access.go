package provision

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// level is the kind of thing that privileges are on. The order is that in which
// plans grant.
type level uint8

const (
	levelDatabase level = iota + 1
	levelSchema
	levelAllTables
	levelTable
	levelColumn
	levelAllSequences
	levelSequence
	levelAllRoutines
	levelFunction
	levelProcedure
	levelDefault
	levelGlobal     // a server of MySQL as a whole
	levelMembership // of a role

	// The following are found by Check, and never granted.
	levelPattern // databases of MySQL, by a pattern or an unescaped name
	levelProxy   // acting as another account of MySQL
	levelRole    // what a role of PostgreSQL may do by its attributes
)

// target is what privileges are on.
type target struct {
	level  level
	space  string // database at levelDatabase, schema (MySQL: database) below
	object string // table, sequence or routine; role at levelMembership, account at levelProxy
	args   string // of a routine of PostgreSQL, see argumentTypes; "" is whatever arguments
	column string
	owner  string // at levelDefault; in MySQL the host of a role or account
	kind   ObjectKind
}

// isAll reports whether it is all that a schema has of a kind.
func (t target) isAll() bool {
	return t.level == levelAllTables || t.level == levelAllSequences || t.level == levelAllRoutines
}

// String names the target for people.
func (t target) String() string {
	name := t.space
	if t.object != "" {
		name = strings.TrimPrefix(t.space+"."+t.object, ".")
	}
	switch t.level {
	case levelDatabase:
		return "database " + name
	case levelSchema:
		return "schema " + name
	case levelAllTables:
		return "all tables in schema " + name
	case levelTable:
		return "table " + name
	case levelColumn:
		return "column " + t.column + " of table " + name
	case levelAllSequences:
		return "all sequences in schema " + name
	case levelSequence:
		return "sequence " + name
	case levelAllRoutines:
		return "all routines in schema " + name
	case levelFunction:
		return "function " + name + t.signature()
	case levelProcedure:
		return "procedure " + name + t.signature()
	case levelDefault:
		place := " in schema " + name
		if t.space == "" {
			place = ""
		}
		return strings.ToLower(t.kind.word()) + " that " + t.owner + " will create" + place
	case levelPattern:
		return "databases like " + name
	case levelGlobal:
		return "all databases"
	case levelRole:
		return "the server"
	case levelProxy:
		return "account " + myAccount(t.object, t.owner)
	}
	return "role " + name
}

// argumentTypes returns the types of a routine's arguments as a text, which is JSON, since the
// names of types may contain anything.
func argumentTypes(types []string) string {
	text, _ := json.Marshal(append([]string{}, types...)) // strings cannot fail
	return string(text)
}

func (t target) types() (types []string) {
	_ = json.Unmarshal([]byte(t.args), &types) // ours, or none
	return types
}

// signature returns the argument types as in SQL.
func (t target) signature() string {
	if t.args == "" {
		return ""
	}
	return "(" + strings.Join(t.types(), ", ") + ")"
}

func (k ObjectKind) word() string {
	return [...]string{"", "TABLES", "SEQUENCES", "ROUTINES"}[k]
}

func compareTargets(a, b target) int {
	return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.space, b.space), cmp.Compare(a.object, b.object), cmp.Compare(a.args, b.args),
		cmp.Compare(a.owner, b.owner), cmp.Compare(a.kind, b.kind), cmp.Compare(a.column, b.column))
}

// Words for memberships among those of privileges. In PostgreSQL a member has the rights of the
// role, or may only take them by SET ROLE.
const (
	wordMember  = "MEMBER"
	wordMaySet  = "SET ROLE"
	wordActive  = "ACTIVE AT LOG-IN"
	wordOfReach = "USAGE FOR WHAT IS IN IT" // on a schema; see addReach
)

// addMembership adds what being a member of a role comes to.
func (e Engine) addMembership(all access, role string) {
	t := target{level: levelMembership, object: role}
	switch e {
	case PostgreSQL:
		all.add(t, wordMember)
	case MySQL:
		t.owner = "%"
		fallthrough
	case MariaDB:
		all.add(t, wordMember, wordActive)
	}
}

// access is a set of privileges, in the words of an engine, by what they are on.
type access map[target]map[string]bool

func (a access) add(t target, words ...string) {
	if a[t] == nil {
		a[t] = make(map[string]bool)
	}
	for _, word := range words {
		a[t][word] = true
	}
}

// wants reports whether a privilege is wanted, if only for its name's sake or along with others.
// What a schema has is known to the server alone.
func (a access) wants(t target, word string) bool {
	named := t
	named.args = ""
	return a[t][word] || a[named][word] || t.level == levelSchema && word == "USAGE" && a[t][wordOfReach]
}

// targets returns what privileges are on, in the order in which plans grant.
func (a access) targets() []target {
	return slices.SortedFunc(maps.Keys(a), compareTargets)
}

// words returns the privileges on t.
func (a access) words(t target) []string { return slices.Sorted(maps.Keys(a[t])) }

// expand checks grants and returns what they come to: each privilege once.
func (e Engine) expand(grants []Grant) (access, error) {
	all := make(access)
	for _, g := range grants {
		parts := []Grant{g}
		if g.preset != nil {
			var err error
			if parts, err = g.preset.grants(e); err != nil {
				return nil, err
			}
		}
		for _, part := range parts {
			if err := e.addGrant(all, part); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (e Engine) addGrant(all access, g Grant) error {
	if len(g.targets) == 0 || len(g.privileges) == 0 {
		what := "is empty"
		if len(g.targets) > 0 {
			what = "has no privilege for " + g.targets[0].String()
		}
		return configError("grant-empty", "Account.Grants", "", what, "make grants with the functions of package provision, and name what the account may do")
	}
	for _, t := range g.targets {
		if err := e.checkTarget(t); err != nil {
			return err
		}
		allowed := e.allowed(t.level)
		if t.level == levelDefault {
			allowed = pgDefaultPrivileges[t.kind]
		}
		for _, p := range g.privileges {
			if !slices.Contains(allowed, p) {
				return configError("grant-privilege", "Account.Grants", e.word(p), "is no privilege that "+e.String()+" has for "+t.String(), "choose one of "+e.list(allowed))
			}
			all.add(t, e.word(p))
		}
		if e == PostgreSQL {
			all.addReach(t)
		}
	}
	return nil
}

// addReach adds what a grant on something in a schema is useless without. Where everybody or a
// group has USAGE on the schema, nothing is granted.
func (a access) addReach(t target) {
	switch t.level {
	case levelDatabase, levelSchema:
	default:
		a.add(target{level: levelSchema, space: t.space}, wordOfReach)
	}
}

// keepReach takes back that USAGE on a schema be revoked along with the last right in it, where
// a description still needs it.
func (a access) keepReach(described access) {
	for t, words := range described {
		schema := target{level: levelSchema, space: t.space}
		for word := range words {
			if t.level != levelDatabase && word != wordOfReach && !a[t][word] && (t.level != levelSchema || word == "USAGE") {
				delete(a[schema], wordOfReach)
			}
		}
		if len(a[schema]) == 0 {
			delete(a, schema)
		}
	}
}

func (e Engine) checkTarget(t target) error {
	if len(e.allowed(t.level)) == 0 && (t.level != levelDefault || e != PostgreSQL) {
		return configError("grant-target", "Account.Grants", t.String(), e.String()+" has no privileges on such a thing", "grant on the database or the table")
	}
	if t.level == levelDefault {
		if t.kind < Tables || t.kind > Routines {
			return configError("future-objects-kind", "Account.Grants", "", "FutureObjects has no kind of object", "choose Tables, Sequences or Routines")
		}
		if err := e.checkAccountName("owner of FutureObjects", t.owner); err != nil {
			return err
		}
	}
	if t.level == levelGlobal {
		return nil
	}
	names := []struct{ setting, name string }{{"schema or database of a grant", t.space}}
	switch t.level {
	case levelTable, levelSequence, levelFunction, levelProcedure:
		names = append(names, struct{ setting, name string }{"object of a grant", t.object})
	case levelColumn:
		names = append(names, struct{ setting, name string }{"table of a grant", t.object}, struct{ setting, name string }{"column of a grant", t.column})
	}
	for _, n := range names {
		if err := e.checkObjectName(n.setting, n.name); err != nil {
			return err
		}
	}
	if t.args != "" && e != PostgreSQL {
		return configError("routine-arguments", "Account.Grants", t.String(), "routines of "+e.String()+" have one name each", "leave the argument types out")
	}
	for _, argument := range t.types() {
		if err := e.checkName("argument type of a grant", argument); err != nil {
			return err
		}
	}
	isRoutine := t.level == levelFunction || t.level == levelProcedure
	if isRoutine && e != PostgreSQL && !(isASCII(t.space) && isASCII(t.object)) {
		return configErrorOf(ErrInvalidName, "routine-not-ascii", "routine of a grant", t.space+"."+t.object,
			"has letters outside ASCII, and "+e.String()+" stores grants on such routines under another name, so that they are gone after FLUSH PRIVILEGES or a restart",
			"grant EXECUTE on the database, or rename it")
	}
	if e.isSystemSpace(t) {
		return configErrorOf(ErrReservedName, "name-of-server", "schema or database of a grant", t.space, "belongs to the server", "grant on your own")
	}
	return nil
}

func (e Engine) list(privileges []Privilege) string {
	words := make([]string, len(privileges))
	for i, p := range privileges {
		words[i] = e.word(p)
	}
	return strings.Join(words, ", ")
}
