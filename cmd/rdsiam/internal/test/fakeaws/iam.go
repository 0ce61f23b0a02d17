package fakeaws

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam"
)

// Principal is an IAM role, user or group.
type Principal struct {
	Kind     string            // Role, User or Group
	Name     string            //
	Path     string            // default: /
	Inline   map[string]string // policy documents by name
	Attached []string          // ARNs of managed policies
}

// Policy is a managed policy.
type Policy struct {
	Name        string
	Path        string // default: /
	Description string
	Versions    []PolicyVersion
}

// PolicyVersion is a version of a managed policy.
type PolicyVersion struct {
	ID       string // v1, v2, …
	Document string
	Default  bool
}

type iamState struct {
	principals map[principalKey]*Principal
	policies   map[string]*Policy // by ARN
}

type principalKey struct{ kind, name string }

// ARN returns the ARN of the principal.
func (p *Principal) ARN() string {
	return "arn:aws:iam::" + AccountID + ":" + strings.ToLower(p.Kind) + p.Path + p.Name
}

// ARN returns the ARN of the policy.
func (p *Policy) ARN() string { return "arn:aws:iam::" + AccountID + ":policy" + p.Path + p.Name }

// AddPrincipal adds an IAM role, user or group.
func (s *Server) AddPrincipal(principal Principal) {
	principal.Path = cmp.Or(principal.Path, "/")
	principal.Inline = maps.Clone(principal.Inline)
	if principal.Inline == nil {
		principal.Inline = make(map[string]string)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.iam.principals[principalKey{principal.Kind, principal.Name}] = &principal
}

// AddPolicy adds a managed policy, with one version where it has none but a document is given.
func (s *Server) AddPolicy(policy Policy) (arn string) {
	policy.Path = cmp.Or(policy.Path, "/")
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.iam.policies[policy.ARN()] = &policy
	return policy.ARN()
}

// Principal returns a copy of an IAM role, user or group, and whether there is one.
func (s *Server) Principal(kind, name string) (Principal, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.iam.principals[principalKey{kind, name}]
	if found == nil {
		return Principal{}, false
	}
	principal := *found
	principal.Inline, principal.Attached = maps.Clone(found.Inline), slices.Clone(found.Attached)
	return principal, true
}

// Policy returns a copy of a managed policy, and whether there is one.
func (s *Server) Policy(arn string) (Policy, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.iam.policies[arn]
	if found == nil {
		return Policy{}, false
	}
	policy := *found
	policy.Versions = slices.Clone(found.Versions)
	return policy, true
}

var iamService = service{
	name:      "iam",
	version:   "2010-05-08",
	namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
	actions:   iamActions(),
}

func iamActions() map[string]action {
	actions := map[string]action{
		"CreatePolicy":          {required: []string{"PolicyName", "PolicyDocument"}, optional: []string{"Path", "Description", "Tags.*"}, answer: createPolicy},
		"GetPolicy":             {required: []string{"PolicyArn"}, answer: getPolicy},
		"GetPolicyVersion":      {required: []string{"PolicyArn", "VersionId"}, answer: getPolicyVersion},
		"ListPolicyVersions":    {required: []string{"PolicyArn"}, optional: []string{"MaxItems"}, answer: listPolicyVersions},
		"CreatePolicyVersion":   {required: []string{"PolicyArn", "PolicyDocument"}, optional: []string{"SetAsDefault"}, answer: createPolicyVersion},
		"DeletePolicyVersion":   {required: []string{"PolicyArn", "VersionId"}, answer: deletePolicyVersion},
		"ListEntitiesForPolicy": {required: []string{"PolicyArn"}, optional: []string{"MaxItems", "PolicyUsageFilter"}, answer: listEntitiesForPolicy},
	}
	for _, kind := range []string{"Role", "User", "Group"} {
		name := kind + "Name"
		actions["Get"+kind] = action{required: []string{name}, optional: []string{"MaxItems"}, answer: of(kind, getPrincipal)}
		actions["Get"+kind+"Policy"] = action{required: []string{name, "PolicyName"}, answer: of(kind, getInline)}
		actions["Put"+kind+"Policy"] = action{required: []string{name, "PolicyName", "PolicyDocument"}, answer: of(kind, putInline)}
		actions["Attach"+kind+"Policy"] = action{required: []string{name, "PolicyArn"}, answer: of(kind, attachPolicy)}
	}
	return actions
}

// of makes the answer of an action that a role, user or group has, from one for all three.
func of(kind string, answer func(*Server, call, *Principal) (any, *Failure)) func(*Server, call) (any, *Failure) {
	return func(s *Server, c call) (any, *Failure) {
		name := c.Parameters.Get(kind + "Name")
		principal := s.iam.principals[principalKey{kind, name}]
		if principal == nil {
			return nil, noSuchEntity("The " + strings.ToLower(kind) + " with name " + name + " cannot be found.")
		}
		return answer(s, c, principal)
	}
}

func getPrincipal(_ *Server, _ call, p *Principal) (any, *Failure) {
	details := struct {
		Path, Arn, CreateDate         string
		RoleName, UserName, GroupName string `xml:",omitempty"`
		RoleId, UserId, GroupId       string `xml:",omitempty"`
	}{Path: p.Path, Arn: p.ARN(), CreateDate: "2026-01-02T03:04:05Z"}
	switch p.Kind {
	case "Role":
		details.RoleName, details.RoleId = p.Name, "AROADBQP57FF2AEXAMPLE"
		return struct{ Role any }{details}, nil
	case "User":
		details.UserName, details.UserId = p.Name, "AIDACKCEVSQ6C2EXAMPLE"
		return struct{ User any }{details}, nil
	}
	details.GroupName, details.GroupId = p.Name, "AGPACKCEVSQ6C2EXAMPLE"
	return struct {
		Group       any
		IsTruncated bool
	}{details, false}, nil
}

func getInline(_ *Server, c call, p *Principal) (any, *Failure) {
	name := c.Parameters.Get("PolicyName")
	document, ok := p.Inline[name]
	if !ok {
		return nil, noSuchEntity("The " + strings.ToLower(p.Kind) + " policy with name " + name + " cannot be found.")
	}
	result := struct {
		RoleName, UserName, GroupName string `xml:",omitempty"`
		PolicyName, PolicyDocument    string
	}{PolicyName: name, PolicyDocument: encoded(document)}
	switch p.Kind {
	case "Role":
		result.RoleName = p.Name
	case "User":
		result.UserName = p.Name
	case "Group":
		result.GroupName = p.Name
	}
	return result, nil
}

// encoded is how IAM returns documents.
func encoded(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

// inlineLimit is for all inline policies of a principal together.
var inlineLimit = map[string]rdsiam.PolicyLimit{
	"Role": rdsiam.InlineRoleLimit, "User": rdsiam.InlineUserLimit, "Group": rdsiam.InlineGroupLimit,
}

func putInline(_ *Server, c call, p *Principal) (any, *Failure) {
	name, document := c.Parameters.Get("PolicyName"), c.Parameters.Get("PolicyDocument")
	if failure := checkPolicyName(name); failure != nil {
		return nil, failure
	}
	if failure := checkDocument(document); failure != nil {
		return nil, failure
	}
	size := sizeOf(document)
	for other, text := range p.Inline {
		if other != name {
			size += sizeOf(text)
		}
	}
	if limit := inlineLimit[p.Kind]; size > int(limit) {
		return nil, limitExceeded("Maximum policy size of " + strconv.Itoa(int(limit)) + " bytes exceeded for " + strings.ToLower(p.Kind) + " " + p.Name)
	}
	p.Inline[name] = document
	return nil, nil
}

// attachedQuota is how many managed policies a principal may have.
const attachedQuota = 10

func attachPolicy(s *Server, c call, p *Principal) (any, *Failure) {
	arn := c.Parameters.Get("PolicyArn")
	switch {
	case s.iam.policies[arn] == nil:
		return nil, noSuchEntity("Policy " + arn + " does not exist or is not attachable.")
	case slices.Contains(p.Attached, arn):
		return nil, nil
	case len(p.Attached) >= attachedQuota:
		return nil, limitExceeded("Cannot exceed quota for PoliciesPer" + p.Kind + ": " + strconv.Itoa(attachedQuota))
	}
	p.Attached = append(p.Attached, arn)
	return nil, nil
}
