package errortext_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
)

// root is the folder of the library.
const root = "../../../.."

// goName is what nobody can give in a shell: an option, a field or an identifier of Go.
var goName = regexp.MustCompile(`\bWith[A-Z]\w*|\b(rdsiam|provision|rdspgx|rdsmysql|pgx|mysql|config|aws|sql|tls)\.[A-Z]\w*|` +
	`\b(Account|DropOptions)\.[A-Z]\w*|\b(ReassignTo|KeepRole|InSchemas|FutureTablesOf|PlanExact|ParseDSN|rdsmysql|rdspgx)\b|this package`)

// said is a text of the library and the code that it belongs to.
type said struct{ code, text string }

// sourceOf parses the shipped files of a package.
func sourceOf(t *testing.T, room string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, room, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, content, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// makers make an error of a code, which is the first text that they get.
var makers = []string{"configError", "configErrorOf", "refuse", "sourceReturned", "unsafe"}

// textsIn returns the texts of errors in a package, in so far as they are literals.
func textsIn(t *testing.T, room string) (found []said) {
	t.Helper()
	take := func(parts []ast.Expr) {
		literals := literalsIn(parts)
		if len(literals) == 0 || !isCode.MatchString(literals[0]) {
			return
		}
		for _, literal := range literals[1:] {
			if !errortext.IsSetting(literal) {
				found = append(found, said{literals[0], literal})
			}
		}
		found = append(found, said{literals[0], ""})
	}
	for _, file := range sourceOf(t, room) {
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CallExpr:
				if slices.Contains(makers, calledName(node)) {
					take(node.Args)
				}
			case *ast.CompositeLit:
				if name, ok := node.Type.(*ast.Ident); ok && name.Name == "failure" {
					take(node.Elts)
				}
			}
			return true
		})
	}
	return found
}

// calledName returns the name of a function or method.
func calledName(call *ast.CallExpr) string {
	switch function := call.Fun.(type) {
	case *ast.Ident:
		return function.Name
	case *ast.SelectorExpr:
		return function.Sel.Name
	}
	return ""
}

var isCode = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func codesIn(t *testing.T, room string) (codes []string) {
	t.Helper()
	for _, said := range textsIn(t, room) {
		codes = append(codes, said.code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func literalsIn(parts []ast.Expr) (literals []string) {
	for _, part := range parts {
		ast.Inspect(part, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				literals = append(literals, text)
			}
			return true
		})
	}
	return literals
}
