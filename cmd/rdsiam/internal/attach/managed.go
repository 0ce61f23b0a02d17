package attach

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdsiam/rdsiam"
)

// PlanManaged finds out how the holders get managed policies together: one as long as the
// users fit into one, and several where they do not. It changes nothing.
//
// Several policies count as one. Which of them a user is in depends on nothing but the users
// themselves, so that one more changes one policy or divides it; see [rdsiam.Policy.Split].
// Whoever has one of them, named or not, gets all.
//
// It needs iam:GetRole, iam:ListAttachedRolePolicies (or the same for users and groups),
// iam:GetPolicy and, for policies that are there already, iam:GetPolicyVersion,
// iam:ListPolicyVersions and iam:ListEntitiesForPolicy; to apply, iam:CreatePolicy,
// iam:CreatePolicyVersion, iam:DeletePolicyVersion and iam:AttachRolePolicy; to remove
// policies that are no longer needed, iam:DetachRolePolicy and iam:DeletePolicy.
func PlanManaged(ctx context.Context, client *iam.Client, holders []Holder, wish Wish) ([]Change, error) {
	if err := checkName(wish.Policy); err != nil {
		return nil, err
	}
	resource := wish.Users[0].Resource()
	m := managed{client: client, wish: wish, arn: "arn:" + resource.Partition + ":iam::" + resource.AccountID + ":policy/" + wish.Policy,
		attached: make(map[string][]string)}
	for _, holder := range holders {
		if err := holder.find(ctx, wish); err != nil {
			return nil, err
		}
	}
	for _, holder := range holders {
		if _, err := m.attachedTo(ctx, holder); err != nil {
			return nil, err
		}
	}
	if err := m.find(ctx); err != nil {
		return nil, err
	}
	if err := m.distribute(ctx); err != nil {
		return nil, err
	}
	return m.plan(ctx, holders)
}

// managed is the managed policies that together allow what is wished for.
type managed struct {
	client *iam.Client
	wish   Wish
	arn    string // of the first policy; the others have a number behind it

	parts    []*part             // by number
	missing  []int               // numbers of which it is known that nobody uses them
	attached map[string][]string // ARNs of all managed policies, by holder
}

// part is one of the policies.
type part struct {
	number      int
	name, arn   string
	exists      bool
	partOf      string           // the first policy of the set that it is in, as far as it says so
	attachments int              // how often it is attached
	before      []rdsiam.UserARN // the users that it allows
	after       []rdsiam.UserARN // the users that it is to allow; none: it is to go
}

// newPart returns the policy of a number; the first has none in its name.
func (m *managed) newPart(number int) *part {
	suffix := ""
	if number > 1 {
		suffix = "-" + strconv.Itoa(number)
	}
	return &part{number: number, name: m.wish.Policy + suffix, arn: m.arn + suffix}
}

// plan is in the order of doing: nobody loses a user for a moment because it moves from one
// policy to another.
func (m *managed) plan(ctx context.Context, named []Holder) ([]Change, error) {
	everybody, err := m.everybody(ctx, named)
	if err != nil {
		return nil, err
	}
	var growing, shrinking, going []Change
	for _, p := range m.parts {
		change := m.diff(p)
		if len(p.after) == 0 {
			err = m.planRemoval(ctx, p, &change)
			going = append(going, change)
		} else {
			err = m.planDocument(ctx, p, &change)
			if len(change.MovedOut)+len(change.Removed) == 0 {
				growing = append(growing, change)
			} else {
				shrinking = append(shrinking, change)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	var attaching []Change
	for i, holder := range everybody {
		change, err := m.planAttachment(ctx, holder)
		if err != nil {
			return nil, err
		}
		if i < len(named) || !change.IsEmpty() {
			attaching = append(attaching, change)
		}
	}
	return slices.Concat(growing, attaching, shrinking, going), nil
}
