package client_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/client"
)

func TestCheckMySQLOptionFile(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := client.CheckMySQLOptionFile(); err != nil {
		t.Errorf("without a file: %v", err)
	}
	for line, refused := range map[string]bool{
		"user=me":                                false,
		"#ssl-mode=DISABLED":                     false,
		"ssl-ca=/etc/rds.pem":                    false,
		"ssl-mode=VERIFY_IDENTITY":               false,
		`ssl_mode = "verify_identity" # as ever`: false,
		"ssl":                                    false,
		"ssl-verify-server-cert=1":               false,
		"ssl-mode=DISABLED":                      true,
		"  ssl_mode = PREFERRED":                 true,
		"loose-ssl-mode=REQUIRED":                true,
		"ssl-mode=VERIFY_CA":                     true,
		"skip-ssl":                               true,
		"skip_ssl_verify_server_cert":            true,
		"ssl-verify-server-cert=OFF":             true,
		"ssl=0":                                  true,
		"!includedir /etc/mysql/conf.d":          true,
	} {
		if err := os.WriteFile(filepath.Join(home, ".my.cnf"), []byte("[client]\n"+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := client.CheckMySQLOptionFile()
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), ".my.cnf, line 2: "+strings.TrimSpace(line)) {
			t.Errorf("%q: %v", line, err)
		}
	}
}
