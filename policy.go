package rdsiam

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

const (
	connectAction = service + ":connect"

	// policyVersion is the only version of the policy language with variables, which
	// escaped user names need.
	policyVersion = "2012-10-17"
)

// Policy is an identity-based IAM policy: what the IAM user or role it is attached
// to may do. A Policy never changes and is safe for concurrent use. The zero Policy
// allows nothing and is no document; [NewPolicy] and [ParsePolicy] make others.
type Policy struct {
	document policyDocument
	rules    []*iampolicy.Policy // for Allows: the document, read
}

// NewPolicy returns the policy that allows logging in as these users and nothing
// else. It may be attached to any number of IAM users and roles, which then share the
// database users. The same users in any order, also given twice, make the same
// policy. No user, the zero UserARN among them, or users of several partitions, which
// IAM refuses in one policy, are a [*ConfigError].
func NewPolicy(users ...UserARN) (*Policy, error) {
	if len(users) == 0 {
		return nil, configError("policy-no-users", "NewPolicy", "",
			"no user is given, and IAM refuses a statement without a resource",
			"give at least one UserARN")
	}
	resources := make([]string, len(users))
	for i, user := range users {
		switch {
		case user == UserARN{}:
			return nil, configError("policy-zero-user", "NewPolicy", "",
				"UserARN "+strconv.Itoa(i+1)+" of "+strconv.Itoa(len(users))+" is the zero UserARN, which names nobody",
				"make it with Resource.User")
		case user.resource.Partition != users[0].resource.Partition:
			return nil, configError("policy-partitions", "NewPolicy", user.String(),
				"in another partition than "+users[0].String()+", and IAM refuses a policy with both",
				"make a policy for each partition")
		}
		resources[i] = user.String()
	}
	return newPolicy(allowConnect(resources))
}

func allowConnect(resources []string) policyDocument {
	slices.Sort(resources)
	return policyDocument{Version: policyVersion, Statement: []policyStatement{
		{Effect: "Allow", Action: actionList{connectAction}, Resource: slices.Compact(resources)},
	}}
}

func newPolicy(document policyDocument) (*Policy, error) {
	rules, err := iampolicy.Parse(string(document.compact()))
	if err != nil {
		return nil, err
	}
	return &Policy{document, []*iampolicy.Policy{rules}}, nil
}

// ParsePolicy reads a policy document as people have it: written by hand, or
// percent-encoded as the IAM API returns it; with one text or a list for Action,
// Resource and the values of conditions. It keeps all statements, of other services
// too, and brings lists into order. What is no identity-based policy, such as the
// trust policy of a role, is a [*ConfigError]. What is one and still not what its
// author meant, [Policy.Lint] finds.
func ParsePolicy(text string) (*Policy, error) {
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(strings.ToUpper(trimmed), "%7B") {
		decoded, err := url.PathUnescape(trimmed)
		if err != nil {
			return nil, policyError("the percent-encoding is damaged: " + err.Error())
		}
		text = decoded
	}
	if _, err := iampolicy.Parse(text); err != nil {
		return nil, policyError(strings.TrimPrefix(err.Error(), "IAM policy: "))
	}
	// What iampolicy.Parse took has every element once, spelled exactly.
	var document policyDocument
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, policyError(err.Error())
	}
	return newPolicy(document)
}

func policyError(problem string) *ConfigError {
	return configError("policy-document", "policy", "", problem, "correct the document")
}

// JSON returns the policy as indented JSON text that ends with a line feed. The same
// policy always gives the same text.
func (p *Policy) JSON() string {
	if p.document.Statement == nil {
		return ""
	}
	return string(p.document.indented())
}

// Allows reports whether an identity that has this policy and no other may log in as
// user. Deny statements and conditions count. Policy variables have no value here,
// so what depends on one is not allowed; neither is a pattern, which names nobody.
// IAM may still decide otherwise because of permission boundaries and service control
// policies.
func (p *Policy) Allows(user UserARN) bool {
	name, ok := user.User()
	if !ok {
		return false
	}
	request := iampolicy.Request{Action: connectAction, Resource: user.spelled(name)}
	return iampolicy.Evaluate(p.rules, request).Allowed
}
