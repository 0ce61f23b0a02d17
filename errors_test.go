package rdsiam_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/causes"
)

// The command line has words for each code of the list, and users read the doc comment:
// both must have every code that the source has.
func TestConfigCodes(t *testing.T) {
	inSource := make(map[string]bool)
	var documented []string
	files := parseSource(t)
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.CallExpr:
				if name, ok := node.Fun.(*ast.Ident); ok && slices.Contains([]string{"configError", "refuse", "sourceReturned"}, name.Name) {
					if literal, ok := node.Args[0].(*ast.BasicLit); ok {
						code, _ := strconv.Unquote(literal.Value)
						inSource[code] = true
					}
				}
			case *ast.GenDecl:
				if isType(node, "ConfigError") {
					documented = codesIn(node.Doc)
				}
			}
			return true
		})
	}
	want := slices.Sorted(maps.Keys(inSource))
	if got := causes.ConfigCodes(); !slices.Equal(got, want) {
		t.Errorf("causes.ConfigCodes\n has %q\nwant %q", got, want)
	}
	slices.Sort(documented)
	if !slices.Equal(documented, want) {
		t.Errorf("the doc comment of ConfigError\n has %q\nwant %q", documented, want)
	}
}

// One constructor makes them all, so that none lacks a code.
func TestConfigErrorsHaveCodes(t *testing.T) {
	for _, file := range parseSource(t) {
		ast.Inspect(file, func(node ast.Node) bool {
			function, ok := node.(*ast.FuncDecl)
			if ok && function.Name.Name == "configError" {
				return false
			}
			literal, ok := node.(*ast.CompositeLit)
			if name, isName := literalType(literal); ok && isName && name == "ConfigError" {
				t.Errorf("%s has a literal in place of configError", file.Name)
			}
			return true
		})
	}
}

func literalType(literal *ast.CompositeLit) (string, bool) {
	if literal == nil {
		return "", false
	}
	name, ok := literal.Type.(*ast.Ident)
	if !ok {
		return "", false
	}
	return name.Name, true
}

func isType(declaration *ast.GenDecl, name string) bool {
	if len(declaration.Specs) != 1 {
		return false
	}
	spec, ok := declaration.Specs[0].(*ast.TypeSpec)
	return ok && spec.Name.Name == name
}

// codesIn returns the words of the indented lines of a doc comment.
func codesIn(doc *ast.CommentGroup) (codes []string) {
	for _, line := range doc.List {
		if list, ok := strings.CutPrefix(line.Text, "//\t"); ok {
			codes = append(codes, strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(" ,.", r) })...)
		}
	}
	return codes
}

func parseSource(t *testing.T) (files []*ast.File) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, entry.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// An @ in the user of a URL cuts the host in two.
func TestAtSignInTheUser(t *testing.T) {
	const want = `rdsiam: endpoint: has an @ in it, which no host name has; ` +
		`write an @ in the user of a postgres:// URL as %40; give nothing but host or host:port as endpoint`
	_, err := rdsiam.ResolveEndpoint("example.com@"+instanceHost, 5432)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
