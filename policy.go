package rdsiam

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

const connectAction = service + ":connect"

// Policy is an identity-based IAM policy: what the IAM user or role it is attached
// to may do. A Policy never changes and is safe for concurrent use. The zero Policy
// allows nothing and is no document; [NewPolicy] and [ParsePolicy] make others.
type Policy struct {
	document *iampolicy.Document // nil for the zero Policy
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
	return allowConnect(resources)
}

func allowConnect(resources []string) (*Policy, error) {
	document, err := iampolicy.Allow(connectAction, resources)
	if err != nil {
		return nil, policyError(err.Error())
	}
	return &Policy{document}, nil
}

// ParsePolicy reads a policy document as people have it: written by hand, or
// percent-encoded as the IAM API returns it; with one text or a list for Action,
// Resource and the values of conditions. It keeps all statements, of other services
// too, and brings lists into order. What is no identity-based policy, such as the
// trust policy of a role, is a [*ConfigError]. What is one and still not what its
// author meant, [Policy.Lint] finds.
func ParsePolicy(text string) (*Policy, error) {
	document, err := iampolicy.Parse(text)
	if err != nil {
		return nil, policyError(err.Error())
	}
	return &Policy{document}, nil
}

func policyError(problem string) *ConfigError {
	return configError("policy-document", "policy", "", problem, "correct the document")
}

// JSON returns the policy as indented JSON text that ends with a line feed. The same
// policy always gives the same text.
func (p *Policy) JSON() string {
	if p.document == nil {
		return ""
	}
	return string(p.document.Indented())
}

// Allows reports whether every identity that has this policy and no other may log in as
// user. Nothing is known of the identity here, so a statement that depends on it, by
// a condition or a policy variable, does not allow the login if it is an Allow, and
// refuses it if it is a Deny. A pattern is not allowed, since it names nobody. IAM
// may still decide otherwise because of permission boundaries and service control
// policies.
func (p *Policy) Allows(user UserARN) bool {
	name, ok := user.User()
	if !ok || p.document == nil {
		return false
	}
	request := iampolicy.Request{Action: connectAction, Resource: user.spelled(name),
		Context: map[string]string{"aws:RequestedRegion": user.resource.Region}}
	return iampolicy.Evaluate([]*iampolicy.Document{p.document}, request).Allowed
}

// Terraform returns the policy as a data source "aws_iam_policy_document" of
// Terraform or OpenTofu with this name, formatted as their fmt does. Its attribute
// json is what aws_iam_policy takes. The error is a [*ConfigError]: for a name that
// is no identifier, and for policies with "&{", in which Terraform's AWS provider
// would see a policy variable.
func (p *Policy) Terraform(name string) (string, error) {
	if !isIdentifier(name) {
		return "", configError("terraform-name", "name of the data source", name,
			"not an identifier of Terraform: letters, digits, _ and -, with a letter or _ first",
			"correct it")
	}
	if p.document == nil {
		return "", configError("policy-zero", "policy", "",
			"the zero Policy is no document",
			"make it with NewPolicy")
	}
	if strings.Contains(string(p.document.Compact()), "&{") {
		return "", configError("terraform-escape", "policy", "",
			"has the characters &{, which Terraform's AWS provider turns into ${",
			"use the JSON text")
	}
	version := p.document.Version
	if version == "" {
		version = "2008-10-17" // what IAM takes it for; Terraform would write another
	}
	var b strings.Builder
	fmt.Fprintf(&b, "data \"aws_iam_policy_document\" %s {\n", quoteHCL(name))
	writeAttributes(&b, "  ", [][2]string{{"policy_id", quoteNonEmpty(p.document.ID)}, {"version", quoteHCL(version)}})
	for _, s := range p.document.Statement {
		b.WriteString("\n  statement {\n")
		writeStatement(&b, s)
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String(), nil
}

func writeStatement(b *strings.Builder, s *iampolicy.Statement) {
	const indent = "    "
	writeAttributes(b, indent, [][2]string{
		{"sid", quoteNonEmpty(s.SID)},
		{"effect", quoteHCL(s.Effect)},
		{"actions", quoteList(s.Action)},
		{"not_actions", quoteList(s.NotAction)},
	})
	writeList(b, indent, "resources", s.Resource)
	writeList(b, indent, "not_resources", s.NotResource)
	for _, c := range s.Conditions() {
		b.WriteString("\n" + indent + "condition {\n")
		writeAttributes(b, indent+"  ", [][2]string{
			{"test", quoteHCL(c.Operator)},
			{"variable", quoteHCL(c.Key)},
			{"values", quoteList(c.Values)},
		})
		b.WriteString(indent + "}\n")
	}
}

// writeAttributes writes the attributes that have a value, with the signs = below
// each other.
func writeAttributes(b *strings.Builder, indent string, attributes [][2]string) {
	attributes = slices.DeleteFunc(attributes, func(a [2]string) bool { return a[1] == "" })
	width := 0
	for _, a := range attributes {
		width = max(width, len(a[0]))
	}
	for _, a := range attributes {
		fmt.Fprintf(b, "%s%-*s = %s\n", indent, width, a[0], a[1])
	}
}

// writeList writes one line for each text, so that a new one changes one line.
func writeList(b *strings.Builder, indent, name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	b.WriteString(indent + name + " = [\n")
	for _, text := range texts {
		b.WriteString(indent + "  " + quoteHCL(text) + ",\n")
	}
	b.WriteString(indent + "]\n")
}

func quoteNonEmpty(text string) string {
	if text == "" {
		return ""
	}
	return quoteHCL(text)
}

func quoteList(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quoteHCL(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// escapeHCL makes the signs that begin a template stand for themselves.
// https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#template-literals
var escapeHCL = strings.NewReplacer(
	"${", "$${", "%{", "%%{", `"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func quoteHCL(text string) string {
	return `"` + escapeHCL.Replace(text) + `"`
}

func isIdentifier(text string) bool {
	return consistsOf(text, alphanumeric+"_-") && !strings.Contains(digits+"-", text[:1])
}
