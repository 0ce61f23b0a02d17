package provision

import (
	"slices"
	"strings"
)

// iamPlugin is the authentication plugin of RDS, and what it is told.
const (
	iamPlugin     = "AWSAuthenticationPlugin"
	identifiedIAM = " IDENTIFIED WITH " + iamPlugin + " AS 'RDS'"
)

// What guards say. MySQL cuts these texts after 31 characters.
const (
	guardUnmanaged = "~rdsiam: account is not for IAM"
	guardMaster    = "~rdsiam: account is a master"
	guardForIAM    = "~rdsiam: account is for IAM"
	guardNoAccount = "~rdsiam: no such account"
	guardHidden    = "~rdsiam: hides an older grant"
	guardWide      = "~rdsiam: for other databases"
	guardPattern   = "~rdsiam: granted by a pattern"
	guardDefiner   = "~rdsiam: account is a DEFINER"
	guardLiteral   = "~rdsiam: partial_revokes is on"
	guardPatterns  = "~rdsiam: partial_revokes is off"
	guardRoles     = "~rdsiam: other default roles"
)

// guard returns a statement that fails with a text if a condition holds. Neither MySQL nor
// a file of migrations has a way to say so outright; a wrong XPath expression is shown in
// the error.
func guard(condition, text string) string {
	return "SELECT EXTRACTVALUE('<a/>', IF(" + condition + ", '" + text + "', '/a')) AS passed"
}

// exactly makes a comparison of a column of information_schema one of all characters.
// Most of them compare case-insensitively, and a and A are different users.
func exactly(column string) string {
	return "CONVERT(" + column + " USING utf8mb4) COLLATE utf8mb4_bin"
}

func (p *Plan) mySQLAccount() string { return myAccount(p.Account, p.account.host()) }

// ofAccount is a condition for tables with the columns User and Host.
func (p *Plan) ofAccount() string {
	return "User = " + myString(p.Account) + " AND Host = " + myString(p.account.host())
}

func (p *Plan) createMySQL(o options) {
	a, account := p.account, p.mySQLAccount()
	alter := ""
	p.guardHidden()
	p.guardRoles()
	if a.Reach == ProxyStandard {
		p.add(KindGuard, "check that account "+account+" exists", guard("NOT EXISTS (SELECT 1 FROM mysql.user WHERE "+p.ofAccount()+")", guardNoAccount))
		p.add(KindGuard, "check that it is not for IAM", guard("EXISTS (SELECT 1 FROM mysql.user WHERE "+p.ofAccount()+" AND plugin = '"+iamPlugin+"')", guardForIAM))
	} else {
		requireTLS := " REQUIRE SSL"
		if a.AllowPlaintext {
			requireTLS = ""
		}
		p.guardMaster(o.adopt)
		p.add(KindGuard, "check that account "+account+", if it exists, is for IAM", p.guardUnmanaged(o.adopt))
		p.add(KindCreate, "create it if it does not exist", "CREATE USER IF NOT EXISTS "+account+identifiedIAM+requireTLS)
		alter = identifiedIAM + requireTLS
	}
	if a.MaxConnections > 0 {
		alter += " WITH MAX_USER_CONNECTIONS " + itoa(a.MaxConnections)
	}
	if a.Comment != "" {
		alter += " COMMENT " + myString(a.Comment)
	}
	if alter != "" {
		// CREATE … IF NOT EXISTS leaves an existing account as it is.
		p.add(KindAlter, "make an existing one the same", "ALTER USER "+account+alter)
	}
	// Each statement takes effect at once: what is wanted comes first.
	p.revokeHandingOn()
	p.myChange(KindGrant, p.want)
	p.activateRoles()
	p.myChange(KindRevoke, p.reject)
}

func (p *Plan) revokeMySQL(o options) {
	p.add(KindGuard, "check that account "+p.mySQLAccount()+" is for IAM", p.guardUnmanaged(o.adopt || p.account.Reach == ProxyStandard))
	p.guardPatterns()
	p.myChange(KindRevoke, p.reject)
}

func (p *Plan) dropMySQL(d DropOptions) {
	p.drops = true
	account := p.mySQLAccount()
	p.guardMaster(d.Adopt || p.account.Reach == ProxyStandard)
	p.add(KindGuard, "check that account "+account+", if it exists, is for IAM", p.guardUnmanaged(d.Adopt || p.account.Reach == ProxyStandard))
	definer := myString(p.Account + "@" + p.account.host())
	var places []string
	for _, table := range []string{"VIEWS", "ROUTINES", "TRIGGERS", "EVENTS"} {
		places = append(places, "EXISTS (SELECT 1 FROM information_schema."+table+" WHERE "+exactly("DEFINER")+" = "+definer+")")
	}
	p.add(KindGuard, "check that nothing runs with its rights", guard(strings.Join(places, " OR "), guardDefiner))
	p.add(KindDrop, "drop it", "DROP USER IF EXISTS "+account)
}

// guardUnmanaged refuses accounts that are somebody else's: those with a password, with
// more than TLS required of them, with SUPER; and with adopt at least the last, and the
// runner itself.
func (p *Plan) guardUnmanaged(adopt bool) string {
	password := p.hasPassword()
	refused := password + " OR ssl_type IN ('X509', 'SPECIFIED')"
	if adopt {
		refused = "CONCAT(User, '@', Host) = CURRENT_USER() AND (" + password + ")"
	}
	return guard("EXISTS (SELECT 1 FROM mysql.user WHERE "+p.ofAccount()+" AND (Super_priv = 'Y' OR "+refused+"))", guardUnmanaged)
}

// hasPassword is true for an account in mysql.user that may log in without IAM.
func (p *Plan) hasPassword() string {
	password := "plugin <> '" + iamPlugin + "'"
	if p.Engine == MariaDB {
		// Of several ways to log in, mysql.user shows only one.
		password += " OR EXISTS (SELECT 1 FROM mysql.global_priv WHERE " + p.ofAccount() + " AND JSON_LENGTH(Priv, '$.auth_or') > 1)"
	}
	return password
}

// guardMaster refuses to adopt an account that may do what the master user of RDS may, whose
// password would be dead.
func (p *Plan) guardMaster(adopt bool) {
	if !adopt {
		return
	}
	master := "Create_user_priv = 'Y' AND Grant_priv = 'Y'"
	if p.Engine == MySQL {
		master += " OR EXISTS (SELECT 1 FROM mysql.role_edges WHERE FROM_USER = 'rds_superuser_role' AND TO_USER = User AND TO_HOST = Host)"
	}
	p.add(KindGuard, "check that it is no master user",
		guard("EXISTS (SELECT 1 FROM mysql.user WHERE "+p.ofAccount()+" AND ("+master+") AND ("+p.hasPassword()+"))", guardMaster))
}

// guardNames refuses the kind of server that a file is not for, if that makes a difference.
func (p *Plan) guardNames() []Statement {
	if !slices.ContainsFunc(p.Statements, func(s Statement) bool { return s.Literal != "" }) {
		return nil
	}
	s := Statement{Kind: KindGuard, Summary: "check that partial_revokes is off, so that names of databases are patterns", SQL: guard("@@global.partial_revokes = 1", guardLiteral)}
	if p.literal {
		s.Summary, s.SQL = "check that partial_revokes is on, so that names of databases are no patterns", guard("@@global.partial_revokes = 0", guardPatterns)
	}
	return []Statement{s}
}

// forPatterns makes a condition hold only where names of databases in grants are patterns.
func (p *Plan) forPatterns(condition string) string {
	if p.Engine == MySQL {
		return "@@global.partial_revokes = 0 AND " + condition
	}
	return condition
}

// guardHidden refuses grants on databases that would hide an older one of the account:
// of all rows of mysql.db that match a database, by name or pattern, only one counts. Those
// that the plan revokes do not.
func (p *Plan) guardHidden() {
	for _, t := range p.want.targets() {
		if t.level == levelDatabase {
			p.add(KindGuard, "check that a grant on "+t.String()+" hides no older one",
				guard(p.forPatterns("NOT "+p.hasRow("Db = "+myExact(t))+" AND "+p.hasRow(myOther(t)+p.notRevoked())), guardHidden))
		}
	}
}

// notRevoked is a condition for rows of mysql.db.
func (p *Plan) notRevoked() string {
	var revoked []string
	for _, t := range p.reject.targets() {
		if t.level == levelPattern {
			revoked = append(revoked, myString(t.space))
		}
	}
	if revoked == nil {
		return ""
	}
	return " AND Db NOT IN (" + strings.Join(revoked, ", ") + ")"
}

// guardPatterns refuses to revoke from a database what the account has by a pattern.
func (p *Plan) guardPatterns() {
	for _, t := range p.reject.targets() {
		if t.level == levelDatabase {
			p.add(KindGuard, "check that nothing else gives rights on "+t.String(), guard(p.forPatterns(p.hasRow(myOther(t))), guardPattern))
		}
	}
}

// hasRow is a condition about grants on databases.
func (p *Plan) hasRow(condition string) string {
	return "EXISTS (SELECT 1 FROM mysql.db WHERE " + p.ofAccount() + " AND " + condition + ")"
}

func myExact(t target) string { return myString(myDatabasePattern(t.space)) }

// myOther matches rows of mysql.db other than the one that we grant. The escape
// character is written so that it means the same in every sql_mode.
func myOther(t target) string {
	return "Db <> " + myExact(t) + " AND " + myString(t.space) + " LIKE Db ESCAPE x'5c'"
}

// myChange adds the statements that grant or revoke.
func (p *Plan) myChange(kind StatementKind, a access) {
	targets := a.targets()
	for i, t := range targets {
		words, what := strings.Join(a.words(t), ", "), t.String()
		if t.level == levelColumn {
			if i > 0 && sameTable(targets[i-1], t) {
				continue
			}
			words = columnList(a, targets[i:], myIdentifier)
			t.level, t.column = levelTable, ""
			what = "columns of " + t.String()
		}
		if t.level == levelMembership {
			p.myMembership(kind, a, t)
			continue
		}
		s := Statement{SQL: p.myGrant(kind, words, myObject(t, false)), Summary: change(kind, words, what), Kind: kind}
		if literal := p.myGrant(kind, words, myObject(t, true)); p.Engine == MySQL && literal != s.SQL {
			s.Literal = literal
		}
		p.Statements = append(p.Statements, s)
	}
}

func (p *Plan) myGrant(kind StatementKind, words, object string) string {
	if kind == KindRevoke {
		return "REVOKE " + words + " ON " + object + " FROM " + p.mySQLAccount()
	}
	return "GRANT " + words + " ON " + object + " TO " + p.mySQLAccount()
}

// myObject returns what follows ON. literal is whether the server takes names of
// databases as they are.
func myObject(t target, literal bool) string {
	name := myIdentifier(t.space) + "." + myIdentifier(t.object)
	switch t.level {
	case levelDatabase:
		if literal {
			return myIdentifier(t.space) + ".*"
		}
		return myIdentifier(myDatabasePattern(t.space)) + ".*"
	case levelFunction:
		return "FUNCTION " + name
	case levelProcedure:
		return "PROCEDURE " + name
	case levelPattern:
		return myIdentifier(t.space) + ".*"
	case levelGlobal:
		return "*.*"
	case levelProxy:
		return myAccount(t.object, t.owner)
	}
	return name
}
