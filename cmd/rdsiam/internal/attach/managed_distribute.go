package attach

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/rdsiam/rdsiam"
)

// distribute says which users each policy is to allow. With no users added or removed, all stays
// as it is.
func (m *managed) distribute(ctx context.Context) error {
	old := m.users()
	users := m.wish.Users
	if !m.wish.Replace {
		users = slices.Concat(old, users)
	}
	documents, err := divide(users)
	if err != nil {
		return err
	}
	tooMany := m.wish.Replace && len(m.parts) > len(documents)
	if slices.Equal(texts(users), texts(old)) && !tooMany {
		for _, p := range m.parts {
			p.after = p.before
		}
		return nil
	}
	if len(documents) > maxAttached {
		return &rdsiam.ConfigError{Setting: "managed policy " + m.wish.Policy,
			Problem: "would have to be divided into " + strconv.Itoa(len(documents)) + ", and IAM attaches " + strconv.Itoa(maxAttached) + " to anybody at the most",
			Fix:     "use a pattern (--user-pattern) for users whose names have something in common"}
	}
	return m.assign(ctx, documents)
}

// users returns every user that the policies allow already.
func (m *managed) users() []rdsiam.UserARN {
	var all []rdsiam.UserARN
	for _, p := range m.parts {
		all = append(all, p.before...)
	}
	return all
}

// divide returns the users of each document.
func divide(users []rdsiam.UserARN) ([][]rdsiam.UserARN, error) {
	policy, err := rdsiam.NewPolicy(users...)
	if err != nil {
		return nil, err
	}
	policies, err := policy.Split(rdsiam.ManagedPolicyLimit)
	if err != nil {
		return nil, err
	}
	documents := make([][]rdsiam.UserARN, len(policies))
	for i, policy := range policies {
		if documents[i], err = usersOf(policy.JSON()); err != nil {
			return nil, err
		}
	}
	return documents, nil
}

// assign gives every document to the policy that has the most of its users already, and what
// is left over to new ones. A policy without a document stays as it is, or goes where only
// the users named are to stay.
func (m *managed) assign(ctx context.Context, documents [][]rdsiam.UserARN) error {
	candidates := slices.Clone(m.parts)
	if m.wish.Replace && len(candidates) > len(documents) {
		candidates = candidates[:len(documents)] // the others go, so that no number is missing
	} else {
		for _, p := range m.parts {
			p.after = p.before
		}
	}
	for len(documents) > 0 && len(candidates) > 0 {
		document, candidate, most := 0, 0, -1
		for j := range candidates {
			for i := range documents {
				if shared := countShared(documents[i], candidates[j].before); shared > most {
					document, candidate, most = i, j, shared
				}
			}
		}
		candidates[candidate].after = documents[document]
		documents, candidates = slices.Delete(documents, document, document+1), slices.Delete(candidates, candidate, candidate+1)
	}
	for _, document := range documents {
		p, err := m.freePart(ctx)
		if err != nil {
			return err
		}
		p.after = document
		m.parts = append(m.parts, p)
	}
	slices.SortFunc(m.parts, func(a, b *part) int { return a.number - b.number })
	return nil
}

// freePart returns the policy of the first number that nobody uses.
func (m *managed) freePart(ctx context.Context) (*part, error) {
	for number := 1; ; number++ {
		if slices.ContainsFunc(m.parts, func(p *part) bool { return p.number == number }) {
			continue
		}
		p := m.newPart(number)
		if slices.Contains(m.missing, number) {
			return p, nil
		}
		if _, err := m.read(ctx, p); err != nil {
			return nil, fmt.Errorf("managed policy %s: %w", p.name, explain(err))
		}
		if !p.exists {
			return p, nil
		}
	}
}

func countShared(a, b []rdsiam.UserARN) int {
	inB := make(map[string]bool, len(b))
	for _, text := range texts(b) {
		inB[text] = true
	}
	count := 0
	for _, text := range texts(a) {
		if inB[text] {
			count++
		}
	}
	return count
}

// diff compares a policy with what it is to be. A user that another policy gets instead is
// moved.
func (m *managed) diff(p *part) Change {
	change := Change{Subject: "managed policy " + p.name}
	change.compare(p.before, p.after)
	change.New = !p.exists
	// Who is in two policies, as after a division that was interrupted, has not moved there.
	change.Added, change.MovedIn = divert(change.Added, func(text string) string {
		if from := m.partWith(text, func(other *part) []rdsiam.UserARN { return other.before }); from != nil {
			return ", from " + from.name
		}
		return ""
	})
	change.Removed, change.MovedOut = divert(change.Removed, func(text string) string {
		if to := m.partWith(text, func(other *part) []rdsiam.UserARN { return other.after }); to != nil {
			return ", to " + to.name
		}
		return ""
	})
	return change
}

// partWith returns the first policy in whose users an ARN is.
func (m *managed) partWith(text string, users func(*part) []rdsiam.UserARN) *part {
	for _, p := range m.parts {
		if slices.ContainsFunc(users(p), func(user rdsiam.UserARN) bool { return user.String() == text }) {
			return p
		}
	}
	return nil
}

// divert takes out the texts for which there is a remark, and adds it to them.
func divert(all []string, remark func(string) string) (rest, diverted []string) {
	for _, text := range all {
		if more := remark(text); more != "" {
			diverted = append(diverted, text+more)
		} else {
			rest = append(rest, text)
		}
	}
	return rest, diverted
}
