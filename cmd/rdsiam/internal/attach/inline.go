package attach

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdsiam/rdsiam"
)

// Plan finds out how the holders get an inline policy each. It changes nothing.
//
// It needs iam:GetRole, iam:GetRolePolicy and, to apply, iam:PutRolePolicy, or the same
// for users and groups.
func Plan(ctx context.Context, client *iam.Client, holders []Holder, wish Wish) ([]Change, error) {
	if err := checkName(wish.Policy); err != nil {
		return nil, err
	}
	var changes []Change
	for _, holder := range holders {
		if err := holder.find(ctx, client, wish); err != nil {
			return nil, err
		}
		p := inline{client, holder, wish.Policy}
		change, err := p.plan(ctx, wish)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, explain(err))
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// inline is an inline policy, which may not be there.
type inline struct {
	client *iam.Client
	holder Holder
	name   string
}

// String returns such as "inline policy db of the role app".
func (p inline) String() string { return "inline policy " + p.name + " of the " + p.holder.String() }

// read returns the document, "" where there is none.
func (p inline) read(ctx context.Context) (string, error) {
	document, err := p.holder.calls().inline(ctx, p.client, p.holder.name, p.name)
	switch {
	case isNoSuchEntity(err):
		return "", nil
	case err == nil && document == "":
		return "", errEmpty
	}
	return document, err
}

func (p inline) plan(ctx context.Context, wish Wish) (Change, error) {
	change := Change{Subject: p.String()}
	before, err := p.read(ctx)
	if err != nil {
		return Change{}, err
	}
	change.New = before == ""
	document, err := change.document(before, wish, p.holder.calls().inlineLimit,
		"use a managed policy (--managed), fewer users, or a pattern (--user-pattern)")
	if err != nil || document == "" {
		return change, err
	}
	change.add("wrote the "+p.String(), func(ctx context.Context) error {
		if now, err := p.read(ctx); err != nil {
			return err
		} else if now != before {
			return new(ChangedError)
		}
		return p.holder.calls().putInline(ctx, p.client, p.holder.name, p.name, document)
	})
	return change, nil
}

// document fills in the differences to a document, and returns the one that is to be there,
// "" where there are none.
func (c *Change) document(before string, wish Wish, limit rdsiam.PolicyLimit, fix string) (string, error) {
	var old []rdsiam.UserARN
	if before != "" {
		var err error
		if old, err = usersOf(before); err != nil {
			return "", err
		}
	}
	users := wish.Users
	if !wish.Replace {
		users = slices.Concat(old, users)
	}
	if !c.compare(old, users) {
		return "", nil
	}
	policy, err := rdsiam.NewPolicy(users...)
	if err != nil {
		return "", err
	}
	if policy.Size() > int(limit) {
		return "", &rdsiam.ConfigError{Code: "policy-too-long", Setting: "document",
			Problem: fmt.Sprintf("would have %d characters, and IAM allows %d", policy.Size(), limit), Fix: fix}
	}
	return policy.JSON(), nil
}
