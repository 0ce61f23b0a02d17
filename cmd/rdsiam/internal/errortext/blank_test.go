package errortext_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

// blankVariable is set where the library is built without its texts.
const blankVariable = "RDSIAM_TEST_BLANK_TEXTS"

// No decision of the command line reads a text of the library: its tests pass with a library
// in which each of them is an x.
func TestWithoutTexts(t *testing.T) {
	overlay := blankLibrary(t)
	command := exec.Command("go", "test", "-count=1", "-overlay="+overlay, "-run=^TestOf|^TestDecisions|^TestCauses$|^TestBlank$",
		"./internal/errortext", "./internal/doctor", "./internal/cli")
	command.Dir = filepath.Join(root, "cmd", "rdsiam")
	command.Env = append(os.Environ(), blankVariable+"=1")
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestBlank shows that the library of TestWithoutTexts has no texts.
func TestBlank(t *testing.T) {
	err, isConfig := errorOf(rdsiam.ResolveEndpoint("10.0.0.1", 5432)).(*rdsiam.ConfigError)
	if !isConfig || err.Code != "endpoint-ip-address" {
		t.Fatalf("%v", err)
	}
	if blank := err.Problem == "x" && err.Fix == "x"; blank != (os.Getenv(blankVariable) != "") {
		t.Errorf("texts are blank: %v; %s=%s", blank, blankVariable, os.Getenv(blankVariable))
	}
}

func errorOf(_ rdsiam.Endpoint, err error) error { return err }

// blankLibrary writes an overlay for the go command, and returns the name of its file.
func blankLibrary(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	replaced := make(map[string]string)
	for _, room := range []string{".", "internal/causes", "pgx", "mysql", "provision"} {
		names, err := filepath.Glob(filepath.Join(root, room, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		before := len(replaced)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			blank := blankTexts(t, name, content)
			if blank == nil {
				continue
			}
			absolute, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			replaced[absolute] = filepath.Join(folder, strings.ReplaceAll(filepath.Join(room, filepath.Base(name)), string(filepath.Separator), "_"))
			writeFile(t, replaced[absolute], blank)
		}
		if len(replaced) == before {
			t.Errorf("%s has no texts: this reads the source wrongly", room)
		}
	}
	content, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(folder, "overlay.json")
	writeFile(t, overlay, content)
	return overlay
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// textFields are the fields of errors and causes that people read.
var textFields = []string{"Problem", "Fix", "Text", "problem", "Roots"}

// typesWithTexts are the types that have them.
var typesWithTexts = []string{"ConfigError", "CredentialsError", "CertificateError", "Cause", "Error", "Finding"}

// blankTexts returns a file of source in which each text is an x, nil for one without texts.
func blankTexts(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, content, 0)
	if err != nil {
		t.Fatal(err)
	}
	var texts []ast.Expr
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.CompositeLit:
			if !slices.Contains(typesWithTexts, lastName(node.Type)) {
				return true
			}
			for _, element := range node.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok && slices.Contains(textFields, lastName(pair.Key)) {
					texts = append(texts, pair.Value)
				}
			}
		case *ast.AssignStmt:
			for i, target := range node.Lhs {
				if field, ok := target.(*ast.SelectorExpr); ok && slices.Contains(textFields, field.Sel.Name) && len(node.Rhs) == len(node.Lhs) {
					texts = append(texts, node.Rhs[i])
				}
			}
		}
		return true
	})
	if len(texts) == 0 {
		return nil
	}
	slices.SortFunc(texts, func(a, b ast.Expr) int { return int(b.Pos() - a.Pos()) }) // last first
	for _, text := range texts {
		from, to := files.Position(text.Pos()).Offset, files.Position(text.End()).Offset
		const blank = `func(text string) string { if text != "" { text = "x" }; return text }(`
		content = slices.Concat(content[:from], []byte(blank), content[from:to], []byte(")"), content[to:])
	}
	return content
}

// lastName returns the name of an identifier, without its package.
func lastName(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.Ident:
		return expression.Name
	case *ast.SelectorExpr:
		return expression.Sel.Name
	}
	return ""
}
