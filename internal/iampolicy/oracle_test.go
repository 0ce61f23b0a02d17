package iampolicy_test

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

// The oracle is a second evaluator, written from the same pages, that knows no third value: it
// decides for a login of which everything is known. What is unknown to Evaluate it tries in
// every way.

// oracleHolds decides one condition for the values that a key has, of which there are none or
// one.
func oracleHolds(operator string, wanted, have []string) bool {
	base := strings.TrimSuffix(operator, "IfExists")
	set, base, isSet := strings.Cut(base, ":")
	if !isSet {
		set, base = "", operator
		base = strings.TrimSuffix(base, "IfExists")
	}
	if isSet {
		have = slices.DeleteFunc(slices.Clone(have), func(value string) bool { return value == "" })
	}
	negated := strings.Contains(base, "Not")
	holds := func(value string) bool {
		return slices.ContainsFunc(wanted, func(w string) bool {
			return oracleCompares(strings.Replace(base, "Not", "", 1), w, value)
		}) != negated
	}
	switch {
	case base == "Null":
		return slices.Contains(wanted, strconv.FormatBool(len(have) == 0))
	case set == "ForAllValues":
		return !slices.ContainsFunc(have, func(value string) bool { return !holds(value) })
	case set == "ForAnyValue":
		return slices.ContainsFunc(have, holds)
	case len(have) == 0:
		return negated || strings.HasSuffix(operator, "IfExists")
	}
	return holds(have[0])
}

// oracleCompares knows the operators that are not negated.
func oracleCompares(operator, wanted, value string) bool {
	if kind, relation, ok := cutKind(operator); ok {
		a, b := oracleSize(kind, value), oracleSize(kind, wanted)
		return map[string]bool{"Equals": a == b, "LessThan": a < b, "LessThanEquals": a <= b, "GreaterThan": a > b, "GreaterThanEquals": a >= b}[relation]
	}
	switch operator {
	case "StringEquals":
		return wanted == value
	case "StringEqualsIgnoreCase", "Bool":
		return strings.EqualFold(wanted, value)
	case "StringLike":
		return oracleGlob(wanted, ".*").MatchString(value)
	case "ArnEquals", "ArnLike":
		colons := strings.Count(wanted, ":")
		return wanted == "*" || colons >= 5 && strings.Count(value, ":") >= 5 && oracleARN(wanted, value)
	}
	panic(operator)
}

func cutKind(operator string) (kind, relation string, ok bool) {
	for _, kind := range []string{"Numeric", "Date"} {
		if relation, ok := strings.CutPrefix(operator, kind); ok {
			return kind, relation, true
		}
	}
	return "", "", false
}

func oracleSize(kind, text string) float64 {
	if t, err := time.Parse(time.RFC3339, text); kind == "Date" && err == nil {
		return float64(t.Unix())
	}
	size, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return size
}

func oracleGlob(text, star string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(text)
	return regexp.MustCompile(`(?s)^` + strings.NewReplacer(`\*`, star, `\?`, ".").Replace(quoted) + `$`)
}

// oracleARN compares the six parts.
func oracleARN(wanted, value string) bool {
	w, v := strings.SplitN(wanted, ":", 6), strings.SplitN(value, ":", 6)
	for i := range w {
		if !oracleGlob(w[i], ".*").MatchString(v[i]) {
			return false
		}
	}
	return true
}

// families are operators with values for them: those of keys, and those in policies.
var families = []struct{ operators, values, wanted []string }{
	{[]string{"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"},
		[]string{"a", "A", "ab", "", "*"}, []string{"a", "A", "a*", "?", "", "*b"}},
	{[]string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"},
		[]string{"arn:aws:iam::1:role/a", "arn:aws:iam::1:role/a:b", "arn:aws:sts::2:x/y"},
		[]string{"*", "arn:aws:iam::1:role/a", "arn:*:iam::*:role/*", "arn:aws:*::?:*", "arn:aws:i*:role/a:b"}},
	{[]string{"Bool"}, []string{"true", "false", "False"}, []string{"true", "false"}},
	{[]string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"},
		[]string{"1", "2", "2.5", "-1"}, []string{"1", "2.0", "3"}},
	{[]string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"},
		[]string{"2026-12-01T00:00:00Z", "2026-12-01T01:00:00+01:00", "1796083200", "1796083201"}, []string{"2026-12-01T00:00:00Z", "1796083201"}},
	{[]string{"Null"}, []string{"x", ""}, []string{"true", "false"}},
}

// variantsOf returns an operator with every prefix and suffix that IAM takes and that has one
// meaning.
func variantsOf(operator string) []string {
	if operator == "Null" {
		return []string{operator}
	}
	return []string{operator, operator + "IfExists", "ForAllValues:" + operator, "ForAnyValue:" + operator, "ForAllValues:" + operator + "IfExists"}
}

// sets returns every list of one or two texts.
func sets(texts []string) (all [][]string) {
	for i := range texts {
		all = append(all, texts[i:i+1])
		for _, other := range texts[i+1:] {
			all = append(all, []string{texts[i], other})
		}
	}
	return all
}

func conditionText(t *testing.T, operator, key string, wanted []string) string {
	t.Helper()
	text, err := json.Marshal(map[string]map[string][]string{operator: {key: wanted}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each operator in each form, with every list of one or two values: where everything is known,
// the oracle decides the same. Where it is not known what the key has, Allow needs that the
// oracle always says yes, and Deny refuses unless it always says no.
func TestOperatorsAgreeWithTheOracle(t *testing.T) {
	const key = "aws:PrincipalTag/k"
	cases := 0
	for _, family := range families {
		for _, base := range family.operators {
			for _, operator := range variantsOf(base) {
				for _, wanted := range sets(family.wanted) {
					condition := conditionText(t, operator, key, wanted)
					policies := []string{allow(`"Resource":"*","Condition":` + condition),
						`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":` + condition + `}]}`}
					always, never := true, true
					worlds := [][]string{nil}
					for _, value := range family.values {
						worlds = append(worlds, []string{value})
					}
					for _, have := range worlds {
						want := oracleHolds(operator, wanted, have)
						always, never = always && want, never && !want
						request := iampolicy.Request{Action: connect, Resource: appARN, Absent: []string{key}}
						if have != nil {
							request.Context = map[string]string{key: have[0]}
						}
						if got := evaluate(t, request, policies[0]); got.Allowed != want {
							t.Errorf("%s of %q: Allow: allowed = %t, %q", condition, have, got.Allowed, got.Notes)
						}
						if got := evaluate(t, request, policies[1]); got.Allowed == want {
							t.Errorf("%s of %q: Deny: allowed = %t, %q", condition, have, got.Allowed, got.Reason)
						}
						cases++
					}
					unknown := iampolicy.Request{Action: connect, Resource: appARN}
					if got := evaluate(t, unknown, policies[0]); got.Allowed && !always {
						t.Errorf("%s of an unknown value: allowed", condition)
					}
					if got := evaluate(t, unknown, policies[1]); got.Allowed && !never {
						t.Errorf("%s of an unknown value: not denied", condition)
					}
				}
			}
		}
	}
	t.Logf("%d conditions", cases)
}

// world is a login with everything known: a value for each key, "-" for none.
type world map[string]string

// oracleAllows evaluates statements of any conditions on all resources.
func oracleAllows(statements []oracleStatement, w world) bool {
	allowed := false
	for _, s := range statements {
		holds := true
		for _, c := range s.conditions {
			var have []string
			if value := w[c.key]; value != "-" {
				have = []string{value}
			}
			holds = holds && oracleHolds(c.operator, c.wanted, have)
		}
		if holds && s.deny {
			return false
		}
		allowed = allowed || holds
	}
	return allowed
}

type oracleStatement struct {
	deny       bool
	conditions []oracleCondition
}

type oracleCondition struct {
	operator, key string
	wanted        []string
}

// randomStatements are of texts only, whose keys differ within a statement.
func randomStatements(r *rand.Rand, keys []string) []oracleStatement {
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	statements := make([]oracleStatement, 1+r.IntN(4))
	for i := range statements {
		statements[i].deny = r.IntN(2) == 0
		for _, key := range keys[:r.IntN(len(keys)+1)] {
			variants := variantsOf(pick(append(families[0].operators, "Null")))
			c := oracleCondition{pick(variants), key, sets(families[0].wanted)[r.IntN(15)]}
			if c.operator == "Null" {
				c.wanted = []string{pick([]string{"true", "false"})}
			}
			statements[i].conditions = append(statements[i].conditions, c)
		}
	}
	return statements
}

func documentOf(t *testing.T, statements []oracleStatement) string {
	t.Helper()
	type statement struct {
		Effect, Action, Resource string
		Condition                map[string]map[string][]string `json:",omitempty"`
	}
	document := struct {
		Version   string
		Statement []statement
	}{Version: iampolicy.Version}
	for _, s := range statements {
		effect := map[bool]string{false: "Allow", true: "Deny"}[s.deny]
		conditions := make(map[string]map[string][]string)
		for _, c := range s.conditions {
			if conditions[c.operator] == nil {
				conditions[c.operator] = make(map[string][]string)
			}
			conditions[c.operator][c.key] = c.wanted
		}
		document.Statement = append(document.Statement, statement{effect, "*", "*", conditions})
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whole policies, of which each key of the login is known, absent or unknown: a login is allowed
// only if the oracle allows it whatever the unknown keys have.
func TestPoliciesAgreeWithTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 15))
	keys := []string{"aws:PrincipalTag/a", "aws:PrincipalTag/b", "aws:PrincipalOrgID"}
	values := append([]string{"-"}, families[0].values...)
	allowed, refused := 0, 0
	for range 3000 {
		statements := randomStatements(r, keys)
		document := documentOf(t, statements)
		request := iampolicy.Request{Action: connect, Resource: appARN, Context: make(map[string]string)}
		worlds := []world{{}}
		for _, key := range keys {
			may := values // unknown
			if r.IntN(2) == 0 {
				may = []string{values[r.IntN(len(values))]}
				if may[0] == "-" {
					request.Absent = append(request.Absent, key)
				} else {
					request.Context[key] = may[0]
				}
			}
			worlds = extend(worlds, key, may)
		}
		want, exact := true, len(worlds) == 1
		for _, w := range worlds {
			want = want && oracleAllows(statements, w)
		}
		got := evaluate(t, request, document)
		if got.Allowed && !want || exact && got.Allowed != want {
			t.Errorf("allowed = %t, the oracle says %t (%d worlds)\n%s\n%+v", got.Allowed, want, len(worlds), document, request)
		}
		if got.Allowed {
			allowed++
		} else {
			refused++
		}
	}
	if allowed < 100 || refused < 100 {
		t.Errorf("%d allowed and %d refused: the test proves little", allowed, refused)
	}
}

func extend(worlds []world, key string, values []string) (more []world) {
	for _, w := range worlds {
		for _, value := range values {
			next := world{key: value}
			for k, v := range w {
				next[k] = v
			}
			more = append(more, next)
		}
	}
	return more
}
