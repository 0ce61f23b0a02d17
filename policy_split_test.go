package rdsiam_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

// resourcesOf returns what a policy of one statement allows.
func resourcesOf(t testing.TB, policy *rdsiam.Policy) []string {
	t.Helper()
	var document struct{ Statement []struct{ Resource []string } }
	if err := json.Unmarshal([]byte(policy.JSON()), &document); err != nil || len(document.Statement) != 1 {
		t.Fatalf("%v\n%s", err, policy.JSON())
	}
	return document.Statement[0].Resource
}

// manyUsers returns n users of so many databases.
func manyUsers(t testing.TB, databases, n int) []rdsiam.UserARN {
	t.Helper()
	users := make([]rdsiam.UserARN, n)
	for i := range users {
		users[i] = mustUser(t, withID(fmt.Sprintf("cluster-%026d", i%databases)), fmt.Sprintf("service%04d", i/databases))
	}
	return users
}

func split(t testing.TB, users []rdsiam.UserARN) []rdsiam.PolicyPart {
	t.Helper()
	parts, err := mustPolicy(t, users...).Split(rdsiam.ManagedPolicyLimit)
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// How many users fit, for ids of 34 and names of 11 characters in us-west-2.
func TestSize(t *testing.T) {
	users := manyUsers(t, 1, 200)
	for limit, want := range map[rdsiam.PolicyLimit]int{
		rdsiam.InlineUserLimit: 20, rdsiam.InlineGroupLimit: 53, rdsiam.ManagedPolicyLimit: 64, rdsiam.InlineRoleLimit: 107,
	} {
		if fits := mustPolicy(t, users[:want]...).Size(); fits > int(limit) {
			t.Errorf("%d users have size %d, over %d", want, fits, limit)
		}
		if over := mustPolicy(t, users[:want+1]...).Size(); over <= int(limit) {
			t.Errorf("%d users have size %d, not over %d", want+1, over, limit)
		}
	}
}

// IAM counts everything but the white space between elements.
func TestSizeIsThatOfTheText(t *testing.T) {
	policy := mustPolicy(t, mustUser(t, database(nil), `a b<&>"\é`), mustUser(t, database(nil), "b"))
	lines := strings.Split(policy.JSON(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimLeft(line, " ")
	}
	compact := strings.Join(lines, "")
	for _, name := range []string{"Version", "Statement", "Effect", "Action", "Resource"} {
		compact = strings.Replace(compact, `"`+name+`": `, `"`+name+`":`, 1)
	}
	if policy.Size() != len(compact) {
		t.Errorf("size %d, but %d are in %s", policy.Size(), len(compact), compact)
	}
}

func TestSplitOfWhatFits(t *testing.T) {
	policy := mustPolicy(t, manyUsers(t, 8, 64)...)
	for _, limit := range []rdsiam.PolicyLimit{rdsiam.ManagedPolicyLimit, rdsiam.InlineRoleLimit} {
		if parts, err := policy.Split(limit); err != nil || len(parts) != 1 || parts[0] != (rdsiam.PolicyPart{Policy: policy}) {
			t.Errorf("limit %d: %d parts, %v", limit, len(parts), err)
		}
	}
	users := manyUsers(t, 1, 63)
	room := int(rdsiam.ManagedPolicyLimit) - mustPolicy(t, append(users, mustUser(t, users[0].Resource(), "x"))...).Size()
	full := mustPolicy(t, append(users, mustUser(t, users[0].Resource(), strings.Repeat("x", 1+room)))...)
	if parts, err := full.Split(rdsiam.ManagedPolicyLimit); err != nil || full.Size() != int(rdsiam.ManagedPolicyLimit) || len(parts) != 1 || parts[0] != (rdsiam.PolicyPart{Policy: full}) {
		t.Errorf("a policy of size %d became %d, %v", full.Size(), len(parts), err)
	}
	// Users who are in two statements count once.
	resources, err := json.Marshal(resourcesOf(t, mustPolicy(t, manyUsers(t, 8, 60)...)))
	if err != nil {
		t.Fatal(err)
	}
	statement := `{"Effect":"Allow","Action":"rds-db:connect","Resource":` + string(resources) + `}`
	twice := mustParse(t, `{"Version":"2012-10-17","Statement":[`+statement+`,`+statement+`]}`)
	if parts, err := twice.Split(rdsiam.ManagedPolicyLimit); err != nil || twice.Size() <= int(rdsiam.ManagedPolicyLimit) || len(parts) != 1 {
		t.Errorf("a policy of size %d, with every user twice, became %d, %v", twice.Size(), len(parts), err)
	}
	// What cannot be divided need not be if it fits.
	odd := mustParse(t, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
	if parts, err := odd.Split(rdsiam.ManagedPolicyLimit); err != nil || len(parts) != 1 {
		t.Errorf("%d parts, %v", len(parts), err)
	}
}

func TestSplit(t *testing.T) {
	for _, tt := range []struct{ databases, users, atMost int }{
		{1, 65, 2}, {3, 90, 3}, {1, 1000, 32}, {10, 600, 20}, {500, 2000, 64}, {2000, 2000, 64},
	} {
		t.Run(fmt.Sprintf("%d users of %d databases", tt.users, tt.databases), func(t *testing.T) {
			users := manyUsers(t, tt.databases, tt.users)
			parts := split(t, users)
			var together []string
			homes := make(map[string]map[int]bool) // documents by database
			counts := make(map[string]int)
			for i, part := range parts {
				if part.Size() > int(rdsiam.ManagedPolicyLimit) {
					t.Errorf("part %d has size %d", i, part.Size())
				}
				for _, resource := range resourcesOf(t, part.Policy) {
					together = append(together, resource)
					id, _, _ := strings.Cut(resource, "/")
					if homes[id] == nil {
						homes[id] = make(map[int]bool)
					}
					homes[id][i] = true
					counts[id]++
				}
			}
			slices.Sort(together)
			if want := resourcesOf(t, mustPolicy(t, users...)); !slices.Equal(together, want) {
				t.Errorf("%d users became %d", len(want), len(together))
			}
			for id, in := range homes {
				if counts[id] <= 64 && len(in) > 1 {
					t.Errorf("the %d users of %s are in %d documents", counts[id], id, len(in))
				}
			}
			if len(parts) > tt.atMost || len(parts) < 2 {
				t.Errorf("%d documents, want 2 to %d", len(parts), tt.atMost)
			}
		})
	}
}

// A new user changes one document, or divides it where it is full; the others stay the
// same to the byte. So does one who leaves.
func TestSplitIsStable(t *testing.T) {
	users := manyUsers(t, 7, 490)
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	keys := make(map[string]string) // by document
	sizes := func(parts []rdsiam.PolicyPart) map[string]int {
		sizes := make(map[string]int)
		clear(keys)
		for _, part := range parts {
			sizes[part.JSON()] = part.Size()
			keys[part.JSON()] = part.Key
		}
		return sizes
	}
	divided := 0
	before := sizes(split(t, users[:420]))
	for n := 421; n <= len(users); n++ {
		old := maps.Clone(keys)
		after := sizes(split(t, users[:n]))
		gone, added := missing(before, after), missing(after, before)
		if len(gone) != 1 || len(added) == 0 {
			t.Fatalf("user %d: %d documents are gone, %d are new", n, len(gone), len(added))
		}
		for document := range after {
			if key, ok := old[document]; ok && keys[document] != key {
				t.Errorf("user %d: the part %s is called %s now", n, key, keys[document])
			}
		}
		if len(added) == 1 && keys[added[0]] != old[gone[0]] {
			t.Errorf("user %d: the part %s is called %s with one user more", n, old[gone[0]], keys[added[0]])
		}
		if len(added) > 1 {
			divided++
			for _, part := range added {
				if slices.Contains(slices.Collect(maps.Values(old)), keys[part]) {
					t.Errorf("user %d: half of a part has the key %s that was there", n, keys[part])
				}
			}
			if grown := before[gone[0]] + len(`,""`) + len(users[n-1].String()); grown <= int(rdsiam.ManagedPolicyLimit) {
				t.Errorf("user %d: a document was divided that would have had size %d", n, grown)
			}
		}
		before = after
	}
	if divided == 0 || divided > 10 {
		t.Errorf("%d of 70 users divided a document", divided)
	}
}

// Keys are different, short, and of letters and digits.
func TestSplitKeys(t *testing.T) {
	for _, databases := range []int{1, 3, 100, 2000} {
		seen := make(map[string]bool)
		for _, part := range split(t, manyUsers(t, databases, 2000)) {
			if seen[part.Key] || !regexp.MustCompile(`^[0-9a-t]{1,24}$`).MatchString(part.Key) {
				t.Errorf("%d databases: the key is %q, given before: %t", databases, part.Key, seen[part.Key])
			}
			seen[part.Key] = true
		}
		t.Logf("%d databases: %s", databases, slices.Sorted(maps.Keys(seen))[:2])
	}
}

// The users of a database that fill a document to the last character stay together;
// with one character more they do not.
func TestSplitIsExact(t *testing.T) {
	limit := int(rdsiam.ManagedPolicyLimit)
	for over, want := range map[int]int{-1: 2, 0: 2, 1: 3, 14: 3} {
		users := manyUsers(t, 1, 63)
		padded := func(n int) rdsiam.UserARN {
			return mustUser(t, users[0].Resource(), strings.Repeat("x", n))
		}
		room := limit + over - mustPolicy(t, append(users, padded(1))...).Size()
		users = append(users, padded(1+room))
		if size := mustPolicy(t, users...).Size(); size != limit+over {
			t.Fatalf("the test made a policy of size %d, want %d", size, limit+over)
		}
		parts := split(t, append(users, mustUser(t, withID("db-OTHER"), "app")))
		if len(parts) != want {
			t.Errorf("%d characters over the limit: %d documents, want %d", over, len(parts), want)
		}
	}
}

// missing returns the keys of a that b has not.
func missing(a, b map[string]int) (keys []string) {
	for key := range a {
		if _, ok := b[key]; !ok {
			keys = append(keys, key)
		}
	}
	return keys
}

func TestSplitErrors(t *testing.T) {
	large := mustPolicy(t, manyUsers(t, 2, 200)...)
	for _, limit := range []rdsiam.PolicyLimit{rdsiam.InlineUserLimit, rdsiam.InlineGroupLimit, rdsiam.InlineRoleLimit, 5000, 0, -1} {
		parts, err := large.Split(limit)
		checkConfigError(t, err, "policy")
		if parts != nil {
			t.Errorf("limit %d: %d parts as well", limit, len(parts))
		}
	}
	resources, err := json.Marshal(resourcesOf(t, large))
	if err != nil {
		t.Fatal(err)
	}
	one := func(elements string) string {
		return `{"Version":"2012-10-17","Statement":[{"Resource":` + string(resources) + `,` + elements + `}]}`
	}
	for name, text := range map[string]string{
		"deny":               one(`"Effect":"Deny","Action":"rds-db:connect"`),
		"several actions":    one(`"Effect":"Allow","Action":["rds-db:connect","s3:GetObject"]`),
		"any action":         one(`"Effect":"Allow","NotAction":"s3:GetObject"`),
		"condition":          one(`"Effect":"Allow","Action":"rds-db:connect","Condition":{"StringEquals":{"aws:PrincipalTag/a":"b"}}`),
		"all but":            strings.Replace(one(`"Effect":"Allow","Action":"rds-db:connect"`), `"Resource"`, `"NotResource"`, 1),
		"old language":       strings.Replace(one(`"Effect":"Allow","Action":"rds-db:connect"`), "2012", "2008", 1),
		"one large resource": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"rds-db:connect","Resource":"` + appARN + strings.Repeat("a", 7000) + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			parts, err := mustParse(t, text).Split(rdsiam.ManagedPolicyLimit)
			checkConfigError(t, err, "policy")
			if parts != nil {
				t.Errorf("%d parts as well", len(parts))
			}
		})
	}
	if parts, err := mustParse(t, one(`"Effect":"Allow","Action":"rds-db:connect","Sid":"Named"`)).Split(rdsiam.ManagedPolicyLimit); err != nil || len(parts) < 4 {
		t.Errorf("%d parts, %v", len(parts), err)
	}
}

func BenchmarkSplit(b *testing.B) {
	users := manyUsers(b, 100, 10_000)
	for b.Loop() {
		split(b, users)
	}
}
