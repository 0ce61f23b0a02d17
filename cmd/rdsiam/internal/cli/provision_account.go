package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/grants"
	"github.com/rdsiam/rdsiam/provision"
)

// accountFlags is the flags that describe an account.
type accountFlags struct {
	account provision.Account
	engine  string
	reach   string
	adopt   bool

	readOnly, readWrite, grants []string
	schemas, owners             []string
}

// addIdentityTo adds what tells which account it is.
func (a *accountFlags) addIdentityTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&a.engine, "engine", "", "postgresql, mysql or mariadb; with a connection the server tells")
	flags.StringVarP(&a.account.Name, "user", "u", "", "the account: its name, as clients and policies spell it")
	flags.StringVar(&a.account.Host, "host", "", "host part of the account in MySQL and MariaDB (default %)")
	flags.StringVar(&a.reach, "reach", "direct", "how clients come: direct, proxy-end-to-end or proxy-standard")
	flags.BoolVar(&a.adopt, "adopt", false, "also take an account that is there and not for IAM")
}

// addRightsTo adds what tells what the account may do.
func (a *accountFlags) addRightsTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVar(&a.readOnly, "read-only", nil, "database to read; may be repeated")
	flags.StringArrayVar(&a.readWrite, "read-write", nil, "database to read and write; may be repeated")
	flags.StringArrayVar(&a.schemas, "schema", nil, "schema of --read-only and --read-write in PostgreSQL (default public)")
	flags.StringArrayVar(&a.owners, "future-tables-of", nil, "owner whose tables to come count too, in PostgreSQL")
	flags.StringArrayVar(&a.grants, "grant", nil, `exact right, such as "select, insert on table app.orders"; may be repeated`)
	flags.StringArrayVar(&a.account.MemberOf, "member-of", nil, "role that the account becomes a member of; may be repeated")
	flags.IntVar(&a.account.MaxConnections, "max-connections", 0, "limit of concurrent connections (default: as it is)")
	flags.StringVar(&a.account.Comment, "comment", "", "comment to store with the account")
	flags.BoolVar(&a.account.AllowPlaintext, "allow-plaintext", false, "leave out REQUIRE SSL in MySQL and MariaDB: tokens may travel in clear")
}

// describe returns the account for an engine.
func (a *accountFlags) describe(engine provision.Engine) (provision.Account, error) {
	account := a.account
	account.Engine = engine
	var ok bool
	if account.Reach, ok = reaches[a.reach]; !ok {
		return account, usagef("--reach %q is none of direct, proxy-end-to-end, proxy-standard", a.reach)
	}
	if account.Name == "" {
		return account, usagef("--user is missing: the account to set up")
	}
	var preset []provision.PresetOption
	if len(a.schemas) > 0 {
		preset = append(preset, provision.InSchemas(a.schemas...))
	}
	if len(a.owners) > 0 {
		preset = append(preset, provision.FutureTablesOf(a.owners...))
	}
	if len(preset) > 0 && len(a.readOnly)+len(a.readWrite) == 0 {
		return account, usagef("--schema and --future-tables-of are for --read-only and --read-write; say which database")
	}
	for _, database := range a.readOnly {
		account.Grants = append(account.Grants, provision.ReadOnly(database, preset...))
	}
	for _, database := range a.readWrite {
		account.Grants = append(account.Grants, provision.ReadWrite(database, preset...))
	}
	for _, text := range a.grants {
		grant, err := grants.Parse(text)
		if err != nil {
			return account, usagef("--grant %q: %w", text, err)
		}
		account.Grants = append(account.Grants, grant)
	}
	return account, nil
}

var reaches = map[string]provision.Reach{
	"direct": provision.Direct, "proxy-end-to-end": provision.ProxyEndToEnd, "proxy-standard": provision.ProxyStandard,
}

var provisionEngines = map[string]provision.Engine{
	string(postgreSQL): provision.PostgreSQL, string(mySQL): provision.MySQL, string(mariaDB): provision.MariaDB,
}

// givenEngine returns the engine of --engine, zero without one.
func (a *accountFlags) givenEngine() (provision.Engine, error) {
	if a.engine == "" {
		return 0, nil
	}
	engine, ok := provisionEngines[a.engine]
	if !ok {
		return 0, usagef("--engine %q is none of postgresql, mysql, mariadb", a.engine)
	}
	return engine, nil
}

func (a *accountFlags) options() []provision.Option {
	if a.adopt {
		return []provision.Option{provision.Adopt()}
	}
	return nil
}

// isNote reports whether a drift is one that no plan changes: something to know.
func isNote(drift provision.Drift) bool {
	return slices.Contains([]provision.DriftKind{provision.Public, provision.Neighbor}, drift.Kind)
}
