package provision

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Both servers have default roles, which are active from the login on, and no statement
// that adds one: the list of MySQL is replaced, and so is the one role of MariaDB.

func validateMariaDBRoles(roles []string) error {
	for _, role := range roles {
		if strings.EqualFold(role, "none") {
			return configErrorOf(ErrReservedName, "role-none", "Account.MemberOf", role, "is no role, although it is quoted", "name a role")
		}
		if role != roles[0] {
			return configError("role-second", "Account.MemberOf", role, "is a second role, and MariaDB starts an account with one", "grant both to a third role, and name that")
		}
	}
	return nil
}

// guardRoles refuses to take other default roles from the account. Those that are revoked
// anyway do not count, nor does one of MariaDB that the account no longer has.
func (p *Plan) guardRoles() {
	if !p.changesRoles() {
		return
	}
	var known []string
	for _, t := range p.memberships() {
		if p.decidesRole(t) {
			known = append(known, p.roleName(t))
		}
	}
	list := strings.Join(known, ", ")
	const summary = "check that the account starts with no other roles, which it would lose"
	others := "SELECT 1 FROM mysql.default_roles WHERE " + p.ofAccount() + " AND CONCAT(DEFAULT_ROLE_USER, '@', DEFAULT_ROLE_HOST) NOT IN (" + list + ")"
	if p.Engine == MariaDB {
		role := exactly("default_role")
		others = "SELECT 1 FROM mysql.user WHERE " + p.ofAccount() + " AND " + role + " NOT IN (" + list +
			") AND EXISTS (SELECT 1 FROM mysql.roles_mapping WHERE " + p.ofAccount() + " AND " + exactly("Role") + " = " + role + ")"
	}
	p.add(KindGuard, summary, guard("EXISTS ("+others+")", guardRoles))
}

// decidesRole reports whether the plan says if the account starts with a role.
func (p *Plan) decidesRole(t target) bool {
	return p.want[t][wordActive] || p.reject[t][wordActive] || p.reject[t][wordMember]
}

// roleName returns a role as a text that the guard compares.
func (p *Plan) roleName(t target) string {
	if p.Engine == MariaDB {
		return myString(t.object)
	}
	return myString(t.object + "@" + t.owner)
}

// memberships returns the roles that the plan grants or revokes.
func (p *Plan) memberships() []target {
	both := make(access)
	for _, a := range []access{p.want, p.reject} {
		for t := range a {
			if t.level == levelMembership {
				both.add(t)
			}
		}
	}
	return both.targets()
}

// changesRoles reports whether the plan changes with which roles the account starts.
func (p *Plan) changesRoles() bool {
	return slices.ContainsFunc(p.memberships(), func(t target) bool { return p.want[t][wordActive] || p.reject[t][wordActive] })
}

// activateRoles makes the account start with the roles that it is to be a member of.
func (p *Plan) activateRoles() {
	if !p.changesRoles() {
		return
	}
	var roles, names []string
	for _, t := range p.want.targets() {
		if t.level == levelMembership {
			roles, names = append(roles, p.myRole(t)), append(names, t.object)
		}
	}
	list, summary := strings.Join(roles, ", "), "make it start with role "+strings.Join(names, ", ")
	if roles == nil {
		list, summary = "NONE", "make it start with no role"
	}
	kind := KindAlter
	for _, words := range p.reject {
		if words[wordActive] {
			kind = KindRevoke
		}
	}
	if p.Engine == MariaDB {
		p.add(kind, summary, "SET DEFAULT ROLE "+list+" FOR "+p.mySQLAccount())
		return
	}
	p.add(kind, summary, "ALTER USER "+p.mySQLAccount()+" DEFAULT ROLE "+list)
}

// revokeHandingOn takes the right to grant roles that the account keeps. MySQL can take that
// only along with the role, which is granted again.
func (p *Plan) revokeHandingOn() {
	for _, t := range p.reject.targets() {
		if t.level != levelMembership || !p.want[t][wordMember] || !p.reject[t][wordOption+wordMember] {
			continue
		}
		sql := "REVOKE " + p.myRole(t) + " FROM " + p.mySQLAccount()
		if p.Engine == MariaDB {
			sql = "REVOKE ADMIN OPTION FOR " + p.myRole(t) + " FROM " + p.mySQLAccount()
		}
		p.add(KindRevoke, change(KindRevoke, wordOption+"membership", t.String()), sql)
	}
}

// myMembership adds the statement that grants or revokes a role.
func (p *Plan) myMembership(kind StatementKind, a access, t target) {
	switch {
	case kind == KindGrant:
		p.add(kind, change(kind, "membership", t.String()), p.grantOfRole(t))
	case a[t][wordMember]:
		p.add(kind, change(kind, "membership", t.String()), "REVOKE "+p.myRole(t)+" FROM "+p.mySQLAccount())
	}
}

// grantOfRole returns the statement that grants a role, "" for what is none.
func (p *Plan) grantOfRole(t target) string {
	if t.level != levelMembership {
		return ""
	}
	return "GRANT " + p.myRole(t) + " TO " + p.mySQLAccount()
}

// myRole quotes a role, which has a host in MySQL and none in MariaDB.
func (p *Plan) myRole(t target) string {
	if p.Engine == MariaDB {
		return myIdentifier(t.object)
	}
	return myAccount(t.object, t.owner)
}

// explainRoles names the roles that the account would no longer start with.
func (p *Plan) explainRoles(ctx context.Context, q querier, s Statement, failed *Error) error {
	have := make(access)
	if err := p.readDefaultRoles(ctx, q, have); err != nil {
		return failed
	}
	var names []string
	for _, t := range have.targets() {
		if !p.decidesRole(t) {
			names = append(names, p.myRole(t))
		}
	}
	return defaultRole.at(p.Account, s, errors.New("it is "+strings.Join(names, ", ")))
}

// readDefaultRoles adds the roles that the account starts with.
func (p *Plan) readDefaultRoles(ctx context.Context, q querier, have access) error {
	query := "SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles WHERE USER = ? AND HOST = ?"
	if p.Engine == MariaDB {
		// A role that was revoked stays here, and does nothing.
		query = "SELECT m.Role, '' FROM mysql.user u JOIN mysql.roles_mapping m ON m.User = u.User AND m.Host = u.Host AND m.Role = " +
			exactly("u.default_role") + " WHERE u.User = ? AND u.Host = ?"
	}
	return p.readPairs(ctx, q, query, func(t target) {
		t.level = levelMembership
		have.add(t, wordActive)
	})
}

// readRoles reads of which roles the account is a member.
func (p *Plan) readRoles(ctx context.Context, q querier, s *state) error {
	query := "SELECT Role, '', Admin_option FROM mysql.roles_mapping WHERE User = ? AND Host = ?"
	if p.Engine == MySQL {
		query = "SELECT FROM_USER, FROM_HOST, WITH_ADMIN_OPTION FROM mysql.role_edges WHERE TO_USER = ? AND TO_HOST = ?"
	}
	err := collect(ctx, q, func(scan func(...any) error) error {
		t := target{level: levelMembership}
		var administers string
		if err := scan(&t.object, &t.owner, &administers); err != nil {
			return err
		}
		s.have.add(t, wordMember)
		if administers == "Y" {
			s.have.add(t, wordOption+wordMember)
		}
		return nil
	}, query, p.Account, p.account.host())
	if err != nil {
		return err
	}
	if err := p.readDefaultRoles(ctx, q, s.have); err != nil || p.Engine == MariaDB {
		return err
	}
	return p.readRolesOfAll(ctx, q, s)
}

// readRolesOfAll reads what a server of MySQL gives to all accounts: roles, and that those
// they are members of are active.
func (p *Plan) readRolesOfAll(ctx context.Context, q querier, s *state) error {
	var activates, hasMandatory bool
	if err := q.QueryRowContext(ctx, "SELECT @@global.activate_all_roles_on_login, @@global.mandatory_roles <> ''").Scan(&activates, &hasMandatory); err != nil {
		return err
	}
	for t := range p.want {
		if activates && s.have[t][wordMember] && p.want[t][wordActive] {
			s.have.add(t, wordActive)
		}
	}
	if !hasMandatory {
		return nil
	}
	return collect(ctx, q, func(scan func(...any) error) error {
		t := target{level: levelMembership}
		if err := scan(&t.object, &t.owner); err != nil {
			return err
		}
		s.public.add(t, wordMember)
		return nil
	}, "SELECT ROLE_NAME, ROLE_HOST FROM information_schema.APPLICABLE_ROLES WHERE IS_MANDATORY = 'YES'")
}
