// Package codelist compares the codes in the source of a package with those that it lists.
package codelist

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Source is the source of a package without its tests.
type Source struct{ files []*ast.File }

// Read reads the package in the current directory.
func Read(t testing.TB) Source {
	t.Helper()
	return ReadDir(t, ".")
}

// ReadDir reads the package in a directory.
func ReadDir(t testing.TB, directory string) Source {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var source Source
	set := token.NewFileSet()
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, filepath.Join(directory, entry.Name()), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		source.files = append(source.files, file)
	}
	return source
}

// Used returns the codes that maker is given: a function, or a struct type with the code as
// its first field. argument is the number of the code among the arguments.
func (s Source) Used(maker string, argument int) map[string]bool {
	codes := make(map[string]bool)
	s.inspect(func(node ast.Node) {
		var name ast.Expr
		var values []ast.Expr
		switch node := node.(type) {
		case *ast.CallExpr:
			name, values = node.Fun, node.Args
		case *ast.CompositeLit:
			name, values = node.Type, node.Elts
		}
		if nameOf(name) != maker || len(values) <= argument {
			return
		}
		if literal, ok := values[argument].(*ast.BasicLit); ok {
			code, _ := strconv.Unquote(literal.Value)
			codes[code] = true
		}
	})
	return codes
}

// Literals returns how many literals of the struct type there are. One constructor has one.
func (s Source) Literals(name string) (count int) {
	s.inspect(func(node ast.Node) {
		if literal, ok := node.(*ast.CompositeLit); ok && nameOf(literal.Type) == name {
			count++
		}
	})
	return count
}

// Documented returns the codes in the comment that has the line before the list.
func (s Source) Documented(t testing.TB, before string) map[string]bool {
	t.Helper()
	for _, file := range s.files {
		for _, comment := range file.Comments {
			_, list, ok := strings.Cut(comment.Text(), before+"\n\n")
			if !ok {
				continue
			}
			codes := make(map[string]bool)
			list, _, _ = strings.Cut(list, "\n\n")
			for code := range strings.FieldsFuncSeq(list, func(r rune) bool { return strings.ContainsRune(" \t\n,.", r) }) {
				codes[code] = true
			}
			return codes
		}
	}
	t.Fatalf("no comment has the line %q", before)
	return nil
}

// Equal fails the test where the comment that is a list does not have the codes of the source.
func Equal(t testing.TB, used, documented map[string]bool) {
	t.Helper()
	for _, code := range slices.Sorted(maps.Keys(used)) {
		if !documented[code] {
			t.Errorf("the doc comment lacks %s", code)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(documented)) {
		if !used[code] {
			t.Errorf("the doc comment has %s, which the source does not", code)
		}
	}
}

func (s Source) inspect(visit func(ast.Node)) {
	for _, file := range s.files {
		ast.Inspect(file, func(node ast.Node) bool {
			visit(node)
			return true
		})
	}
}

// nameOf returns the last part of a name, "" where there is none.
func nameOf(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.Ident:
		return expression.Name
	case *ast.SelectorExpr:
		return expression.Sel.Name
	}
	return ""
}
