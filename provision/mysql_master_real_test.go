package provision_test

import (
	"errors"
	"testing"

	"github.com/rdsiam/rdsiam/provision"
)

// The password of the master user would be dead.
func TestMySQLMaster(t *testing.T) { onMySQL(t, testMySQLMaster) }

func testMySQLMaster(t *testing.T, s *testServer) {
	const rights = " SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, CREATE USER, EVENT, TRIGGER ON *.* TO "
	masters := []string{"a_master"}
	s.admin(t, "CREATE USER a_master IDENTIFIED BY 'x'", "GRANT"+rights+"a_master WITH GRANT OPTION",
		"CREATE USER iam_master IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL", "GRANT"+rights+"iam_master WITH GRANT OPTION",
		"CREATE USER creates_users IDENTIFIED BY 'x'", "GRANT"+rights+"creates_users")
	if s.engine == provision.MySQL { // since 8.0.36, where the master has its rights by this role
		masters = append(masters, "master_of_role")
		s.admin(t, "CREATE ROLE rds_superuser_role", "CREATE USER master_of_role IDENTIFIED BY 'x'", "GRANT rds_superuser_role TO master_of_role")
		defer s.admin(t, "DROP ROLE rds_superuser_role")
	}
	db := s.runner(t, "")
	for _, name := range masters {
		a := provision.Account{Engine: s.engine, Name: name}
		for what, p := range map[string]*provision.Plan{"plan": plan(t, a, provision.Adopt()), "drop": dropPlan(t, a, provision.DropOptions{Adopt: true})} {
			_, err := provision.Apply(t.Context(), db, p)
			failed := (*provision.Error)(nil)
			if !errors.Is(err, provision.ErrUnmanaged) || !errors.As(err, &failed) || failed.Code != "account-superuser" {
				t.Errorf("%s of %s: %v", what, name, err)
			}
		}
	}
	for _, name := range []string{"iam_master", "creates_users"} {
		apply(t, db, plan(t, provision.Account{Engine: s.engine, Name: name}, provision.Adopt()))
	}
}
