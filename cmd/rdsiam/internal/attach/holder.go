package attach

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rdsiam/rdsiam"
)

// Kind is a kind of [Holder].
type Kind string

// The kinds.
const (
	Role  Kind = "role"
	User  Kind = "user"
	Group Kind = "group"
)

// Holder is a role, user or group of IAM that gets a policy.
type Holder struct {
	kind  Kind
	name  string
	given string // as the caller named it
}

// NewHolder returns the holder with a name or ARN. The ARN of a session of a role, as
// "aws sts get-caller-identity" tells it, names the role too.
func NewHolder(kind Kind, given string) (Holder, error) {
	name, err := nameOf(string(kind), given)
	return Holder{kind, name, given}, err
}

// String returns such as "role app".
func (h Holder) String() string { return string(h.kind) + " " + h.name }

func (h Holder) calls() calls { return callsOf[h.kind] }

// nameOf returns the name in an ARN, or the name itself.
func nameOf(kind, given string) (string, error) {
	problem := &rdsiam.ConfigError{Code: "iam-name", Setting: "IAM " + kind, Value: given, Fix: "give its name or ARN"}
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
func (h Holder) find(ctx context.Context, client *iam.Client, wish Wish) error {
	arn, err := h.calls().arn(ctx, client, h.name)
	if isNoSuchEntity(err) {
		return &rdsiam.ConfigError{Code: "iam-not-found", Setting: "IAM " + string(h.kind), Value: h.name,
			Problem: "not in the account of these credentials", Fix: "check the spelling and the profile"}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", h, explain(err))
	}
	account := accountOf(arn)
	if meant := accountOf(h.given); meant != "" && meant != account {
		return &rdsiam.ConfigError{Code: "iam-account", Setting: "IAM " + string(h.kind), Value: h.given,
			Problem: "in another account than these credentials, which are of " + account, Fix: "use a profile of that account"}
	}
	for _, user := range wish.Users {
		if owner := user.Resource().AccountID; owner != account {
			return &rdsiam.ConfigError{Code: "iam-database-account", Setting: "IAM " + string(h.kind), Value: arn,
				Problem: "cannot log in to a database of the account " + owner + ", whose tokens must be signed in that account",
				Fix:     "attach the policy to a role of " + owner + ", and let this " + string(h.kind) + " assume it"}
		}
	}
	if strings.Contains(arn, ":role/aws-service-role/") || strings.Contains(arn, ":role/aws-reserved/") {
		return &rdsiam.ConfigError{Code: "iam-service-role", Setting: "IAM role", Value: h.name,
			Problem: "belongs to an AWS service, which alone may change it",
			Fix:     "for a role of IAM Identity Center, change its permission set: rdsiam policy prints the document"}
	}
	return nil
}
