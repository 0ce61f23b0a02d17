package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	tests := []struct {
		name, in, want string
		failed         bool
	}{
		{"pass", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: server: PostgreSQL 15.18 (pam)\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}`,
			"ok  \tp\t0.1s\n\n1 tests and subtests passed\nreal server: PostgreSQL 15.18 (pam): 1 tests\n", false},
		{"no server", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: realserver: MySQL not found\\n"}
{"Action":"pass","Package":"p","Test":"TestA"}`, "\n1 tests and subtests passed\n", false},
		{"fail", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: broken\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}`,
			"    a_test.go:1: broken\nFAIL\tp\t0.1s\n\n0 tests and subtests passed\n", true},
		{"panic outside a test", `{"Action":"output","Package":"p","Output":"panic: no\n"}
{"Action":"fail","Package":"p"}`, "panic: no\n\n0 tests and subtests passed\n", true},
		{"skip", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: no MariaDB: install it\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}`,
			"\n0 tests and subtests passed\nskipped: TestA\n         no MariaDB: install it\n", false},
		{"does not build", `{"ImportPath":"p","Action":"build-output","Output":"x.go:1: no\n"}
{"ImportPath":"p","Action":"build-fail"}`, "x.go:1: no\n\n0 tests and subtests passed\n", true},
		{"other text", "go: downloading\n", "go: downloading\n\n0 tests and subtests passed\n", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSummary()
			var out bytes.Buffer
			if err := s.read(strings.NewReader(test.in), &out); err != nil {
				t.Fatal(err)
			}
			s.print(&out)
			if out.String() != test.want || s.failed != test.failed {
				t.Errorf("failed %v, want %v; output\n%s\nwant\n%s", s.failed, test.failed, out.String(), test.want)
			}
		})
	}
}
