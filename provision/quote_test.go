package provision_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rdsiam/rdsiam/provision"
)

// hostileTexts are what quoting has to stand.
var hostileTexts = []string{
	"plain", `"`, `'`, `\`, "`", `\'`, `'\`, `\\'`, `''`, `""`, "``", `";DROP ROLE x;--`, `';DROP USER x;--`, "`; --", "$$", "$rdsiam$", "$rdsiam1$ $rdsiam$", "$rdsiam",
	"/* x */", "-- x", "# x", "a;b", "%s %d %I", "{{x}}", "a\nb", "\t", "é", "пользователь", "\u2028", "a'b\"c`d\\e$f", "MiXeD", "?", ":x", "$1", "@x", "%", "_", `\_`, `\%`, "ÿ'", "\\\n",
}

func FuzzQuote(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// Each quoted form must be one token from its first to its last byte.
		for _, form := range []struct {
			name, quoted string
			quote        byte
			backslash    bool // is an escape
		}{
			{"PGIdentifier", provision.PGIdentifier(text), '"', false},
			{"PGString", strings.TrimPrefix(provision.PGString(text), "E"), '\'', true},
			{"MyIdentifier", provision.MyIdentifier(text), '`', false},
		} {
			got, ok := unquote(form.quoted, form.quote, form.backslash)
			if !ok || got != text {
				t.Errorf("%s(%q) = %s, which reads as %q, %v", form.name, text, form.quoted, got, ok)
			}
		}
		literal := provision.MyString(text)
		if !strings.HasPrefix(literal, "_utf8mb4 x'") {
			for _, backslash := range []bool{false, true} {
				if got, ok := unquote(literal, '\'', backslash); !ok || got != text {
					t.Errorf("MyString(%q) = %s reads as %q, %v", text, literal, got, ok)
				}
			}
		} else if got := fmt.Sprintf("_utf8mb4 x'%x'", text); got != literal {
			t.Errorf("MyString(%q) = %s", text, literal)
		}
		block := provision.PGDollar(text)
		tag := block[:strings.Index(block[1:], "$")+2]
		if strings.Index(block[len(tag):], tag) != len(text) {
			t.Errorf("PGDollar(%q) = %s ends early", text, block)
		}
		if utf8.ValidString(text) {
			pattern := provision.MyDatabasePattern(text)
			if provision.UnescapePattern(pattern) != text || !provision.Matches(pattern, text) || provision.Matches(pattern, text+"x") {
				t.Errorf("the pattern of %q is %q", text, pattern)
			}
		}
	})
}

// unquote reads a quoted text as a server does.
func unquote(quoted string, quote byte, backslash bool) (string, bool) {
	if len(quoted) < 2 || quoted[0] != quote {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(quoted); i++ {
		switch {
		case quoted[i] == quote && i+1 < len(quoted) && quoted[i+1] == quote, backslash && quoted[i] == '\\' && i+1 < len(quoted):
			i++
			b.WriteByte(quoted[i])
		case quoted[i] == quote:
			return b.String(), i == len(quoted)-1
		default:
			b.WriteByte(quoted[i])
		}
	}
	return "", false
}

// randomTexts are made of what quoting has to do with.
func randomTexts(n int) []string {
	alphabet := []rune("\"'`\\$;-/* aé_%\n")
	source := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, 0, n)
	for range n {
		text := make([]rune, 1+source.IntN(8))
		for j := range text {
			text[j] = alphabet[source.IntN(len(alphabet))]
		}
		texts = append(texts, string(text))
	}
	return append(texts, hostileTexts...)
}

// oneColumn returns the name and the value of the only column of the first row.
func oneColumn(t *testing.T, db *sql.DB, statement string) (name, value string, err error) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		return "", "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", "", err
	}
	rows.Next()
	err = errors.Join(rows.Scan(&value), rows.Err())
	return columns[0], value, err
}

func TestQuotePostgreSQL(t *testing.T) { onPostgreSQL(t, testQuotePostgreSQL) }

func testQuotePostgreSQL(t *testing.T, s *testServer) {
	for _, session := range pgSessions[:2] {
		db := s.open(t, runner, runnerPassword, "postgres", session.parameters)
		db.SetMaxOpenConns(1)
		for _, text := range randomTexts(300) {
			name, value, err := oneColumn(t, db, "SELECT "+provision.PGString(text)+"::text AS "+provision.PGIdentifier(text))
			if err != nil || value != text || name != text {
				t.Errorf("%q: got %q AS %q, %v", text, value, name, err)
			}
			exec(t, db, "DO "+provision.PGDollar("BEGIN PERFORM set_config('rdsiam.test', "+provision.PGString(text)+", false); END"))
			if got := query(t, db, "SHOW rdsiam.test"); got != text {
				t.Errorf("%q came out of a block as %q", text, got)
			}
		}
	}
}

func TestQuoteMySQL(t *testing.T) { onMySQL(t, testQuoteMySQL) }

func testQuoteMySQL(t *testing.T, s *testServer) {
	for _, mode := range s.modes() {
		db := s.open(t, runner, runnerPassword, "", map[string]string{"sql_mode": "'" + mode + "'"})
		db.SetMaxOpenConns(1)
		for _, text := range randomTexts(300) {
			if strings.TrimSpace(text) != text {
				continue // not a name
			}
			name, value, err := oneColumn(t, db, "SELECT "+provision.MyString(text)+" AS "+provision.MyIdentifier(text))
			if err != nil || value != text || name != text {
				t.Errorf("%q: got %q AS %q, %v", text, value, name, err)
			}
		}
	}
}

func TestMatches(t *testing.T) {
	tests := []struct {
		pattern, name string
		want          bool
	}{
		{"app_db", "app_db", true}, {"app_db", "appXdb", true}, {`app\_db`, "app_db", true}, {`app\_db`, "appXdb", false},
		{"%", "", true}, {"%", "x", true}, {"a%b%c", "axxbyyc", true}, {"a%b%c", "axxbyy", false}, {"_", "é", true}, {"_", "", false},
		{"a_b", "axc", false}, {"", "", true}, {"", "x", false}, {`\\`, `\`, true}, {`a\`, `a\`, true}, {"abc", "ab", false}, {"ab", "abc", false},
	}
	if got := provision.UnescapePattern(`a\_b\`); got != `a_b\` {
		t.Errorf("UnescapePattern: %q", got)
	}
	for _, tt := range tests {
		if got := provision.Matches(tt.pattern, tt.name); got != tt.want {
			t.Errorf("Matches(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
}
