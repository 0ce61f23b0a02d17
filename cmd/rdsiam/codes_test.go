package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Programs go by codes: every ConfigError of the command line has one.
func TestConfigErrorsHaveCodes(t *testing.T) {
	found := 0
	err := fs.WalkDir(os.DirFS("."), "internal", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.FromSlash(path), nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			literal, ok := node.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if name, ok := literal.Type.(*ast.SelectorExpr); !ok || name.Sel.Name != "ConfigError" {
				return true
			}
			found++
			for _, element := range literal.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok {
					if key, ok := pair.Key.(*ast.Ident); ok && key.Name == "Code" {
						return true
					}
				}
			}
			t.Errorf("%s: a ConfigError without Code", set.Position(literal.Pos()))
			return true
		})
		return nil
	})
	if err != nil || found < 10 {
		t.Errorf("%d found, %v", found, err)
	}
}
