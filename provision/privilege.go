package provision

// Privilege is something that an account may do. There is no privilege for all of
// them, whose meaning changes with the version of the server, and none to hand
// privileges on.
type Privilege uint8

// The privileges. Which of them a grant can have depends on the engine and on
// what it is for; plans refuse the others.
const (
	Select     Privilege = iota + 1 // tables, columns, sequences; databases of MySQL and MariaDB
	Insert                          // as Select, without sequences
	Update                          // as Select
	Delete                          // tables; databases of MySQL and MariaDB
	Truncate                        // tables of PostgreSQL
	References                      // tables, columns; databases of MySQL and MariaDB
	Trigger                         // tables; databases of MySQL and MariaDB
	Usage                           // schemas and sequences of PostgreSQL
	Create                          // databases, schemas; tables of MySQL and MariaDB
	Connect                         // databases of PostgreSQL
	Temporary                       // databases: temporary tables
	Execute                         // routines; databases of MySQL and MariaDB
	ShowView                        // this and the following: databases of MySQL and MariaDB
	CreateView
	Alter
	Drop
	Index
	Event
	LockTables
	CreateRoutine
	AlterRoutine
	Process           // this and the following: servers of MySQL and MariaDB
	ReplicationClient // MariaDB calls it BINLOG MONITOR
	ReplicationSlave
	ShowDatabases
	endOfPrivileges
)

var privilegeWords = [endOfPrivileges]string{
	Select: "SELECT", Insert: "INSERT", Update: "UPDATE", Delete: "DELETE", Truncate: "TRUNCATE",
	References: "REFERENCES", Trigger: "TRIGGER", Usage: "USAGE", Create: "CREATE", Connect: "CONNECT",
	Temporary: "TEMPORARY", Execute: "EXECUTE", ShowView: "SHOW VIEW", CreateView: "CREATE VIEW", Alter: "ALTER",
	Drop: "DROP", Index: "INDEX", Event: "EVENT", LockTables: "LOCK TABLES", CreateRoutine: "CREATE ROUTINE",
	AlterRoutine: "ALTER ROUTINE", Process: "PROCESS", ReplicationClient: "REPLICATION CLIENT",
	ReplicationSlave: "REPLICATION SLAVE", ShowDatabases: "SHOW DATABASES",
}

// String returns the privilege as PostgreSQL spells it, or else as MySQL does.
func (p Privilege) String() string {
	if p >= endOfPrivileges {
		return ""
	}
	return privilegeWords[p]
}

// word returns the privilege as the engine spells it.
func (e Engine) word(p Privilege) string {
	switch {
	case e != PostgreSQL && p == Temporary:
		return "CREATE TEMPORARY TABLES"
	case e == MariaDB && p == ReplicationClient:
		return "BINLOG MONITOR" // as the server lists it
	}
	return p.String()
}

// allowed returns the privileges that grants at a level can have, none where the
// engine has no such level.
func (e Engine) allowed(l level) []Privilege {
	if e == PostgreSQL {
		return pgPrivileges[l]
	}
	return myPrivileges[l]
}

var pgTablePrivileges = []Privilege{Select, Insert, Update, Delete, Truncate, References, Trigger}

// https://www.postgresql.org/docs/current/ddl-priv.html
var pgPrivileges = map[level][]Privilege{
	levelDatabase:     {Connect, Temporary, Create},
	levelSchema:       {Usage, Create},
	levelTable:        pgTablePrivileges,
	levelAllTables:    pgTablePrivileges,
	levelColumn:       {Select, Insert, Update, References},
	levelSequence:     {Usage, Select, Update},
	levelAllSequences: {Usage, Select, Update},
	levelFunction:     {Execute},
	levelProcedure:    {Execute},
	levelAllRoutines:  {Execute},
}

// pgDefaultPrivileges are those of levelDefault, by the kind of object.
var pgDefaultPrivileges = map[ObjectKind][]Privilege{
	Tables:    pgTablePrivileges,
	Sequences: {Usage, Select, Update},
	Routines:  {Execute},
}

// https://dev.mysql.com/doc/refman/8.4/en/grant.html, https://mariadb.com/kb/en/grant/
var myPrivileges = map[level][]Privilege{
	levelDatabase: {Select, Insert, Update, Delete, References, Trigger, Create, Temporary, Execute, ShowView, CreateView,
		Alter, Drop, Index, Event, LockTables, CreateRoutine, AlterRoutine},
	levelTable:     {Select, Insert, Update, Delete, References, Trigger, Create, ShowView, CreateView, Alter, Drop, Index},
	levelColumn:    {Select, Insert, Update, References},
	levelFunction:  {Execute},
	levelProcedure: {Execute},
	levelGlobal:    {Process, ReplicationClient, ReplicationSlave, ShowDatabases},
}
