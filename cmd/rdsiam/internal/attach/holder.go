package attach

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdsiam/rdsiam"
)

// Holder is a role, user or group of IAM that gets a policy. [Role], [User] and [Group] make
// them.
type Holder struct {
	kind  string // role, user or group
	name  string
	given string // as the caller named it
	api   holderAPI
}

// holderAPI is the calls for one holder.
type holderAPI interface {
	arn(context.Context) (string, error)
	inlineLimit() rdsiam.PolicyLimit
	inline(ctx context.Context, policy string) (document string, err error)
	putInline(ctx context.Context, policy, document string) error
	attached(ctx context.Context) (arns []string, err error)
	attach(ctx context.Context, policyARN string) error
	detach(ctx context.Context, policyARN string) error
}

// Role returns the holder for a role, by its name or ARN. The ARN of a session of the role, as
// "aws sts get-caller-identity" tells it, names the role too.
func Role(client *iam.Client, given string) (Holder, error) {
	name, err := nameOf("role", given)
	return Holder{"role", name, given, role{client, name}}, err
}

// User returns the holder for an IAM user, by its name or ARN.
func User(client *iam.Client, given string) (Holder, error) {
	name, err := nameOf("user", given)
	return Holder{"user", name, given, user{client, name}}, err
}

// Group returns the holder for a group, by its name or ARN.
func Group(client *iam.Client, given string) (Holder, error) {
	name, err := nameOf("group", given)
	return Holder{"group", name, given, group{client, name}}, err
}

// String returns such as "role app".
func (h Holder) String() string { return h.kind + " " + h.name }

// nameOf returns the name in an ARN, or the name itself.
func nameOf(kind, given string) (string, error) {
	problem := &rdsiam.ConfigError{Setting: "IAM " + kind, Value: given, Fix: "give its name or ARN"}
	if !strings.HasPrefix(given, "arn:") {
		if given == "" || strings.ContainsAny(given, "/: ") {
			problem.Problem = "not a name of IAM"
			return "", problem
		}
		return given, nil
	}
	parts := strings.SplitN(given, ":", 6)
	if len(parts) != 6 {
		problem.Problem = "not an ARN, which has six parts between colons"
		return "", problem
	}
	service, rest := parts[2], strings.Split(parts[5], "/")
	switch {
	case service == "iam" && rest[0] == kind && len(rest) > 1:
		return rest[len(rest)-1], nil
	case service == "sts" && kind == "role" && rest[0] == "assumed-role" && len(rest) == 3:
		return rest[1], nil
	}
	problem.Problem = "not the ARN of a " + kind
	return "", problem
}

// find makes sure that the holder is there, is the one that was meant, and can use what the
// wish allows: a token has to be signed in the account of the database.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
func (h Holder) find(ctx context.Context, wish Wish) error {
	arn, err := h.api.arn(ctx)
	if isNoSuchEntity(err) {
		return &rdsiam.ConfigError{Setting: "IAM " + h.kind, Value: h.name,
			Problem: "not in the account of these credentials", Fix: "check the spelling and the profile"}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", h, explain(err))
	}
	account := accountOf(arn)
	if meant := accountOf(h.given); meant != "" && meant != account {
		return &rdsiam.ConfigError{Setting: "IAM " + h.kind, Value: h.given,
			Problem: "in another account than these credentials, which are of " + account, Fix: "use a profile of that account"}
	}
	for _, user := range wish.Users {
		if owner := user.Resource().AccountID; owner != account {
			return &rdsiam.ConfigError{Setting: "IAM " + h.kind, Value: arn,
				Problem: "cannot log in to a database of the account " + owner + ", whose tokens must be signed in that account",
				Fix:     "attach the policy to a role of " + owner + ", and let this " + h.kind + " assume it"}
		}
	}
	if strings.Contains(arn, ":role/aws-service-role/") || strings.Contains(arn, ":role/aws-reserved/") {
		return &rdsiam.ConfigError{Setting: "IAM role", Value: h.name,
			Problem: "belongs to an AWS service, which alone may change it",
			Fix:     "for a role of IAM Identity Center, change its permission set: rdsiam policy prints the document"}
	}
	return nil
}
