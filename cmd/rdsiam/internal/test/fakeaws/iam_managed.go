package fakeaws

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

type policyDetails struct {
	PolicyName, Arn, Path, DefaultVersionId string
	Description                             string `xml:",omitempty"`
	AttachmentCount                         int
}

func (s *Server) details(p *Policy) policyDetails {
	d := policyDetails{PolicyName: p.Name, Arn: p.ARN(), Path: p.Path, Description: p.Description, AttachmentCount: len(s.attachedTo(p.ARN()))}
	for _, v := range p.Versions {
		if v.Default {
			d.DefaultVersionId = v.ID
		}
	}
	return d
}

// attachedTo returns who has a managed policy, in an order that stays the same.
func (s *Server) attachedTo(arn string) []*Principal {
	var found []*Principal
	for _, p := range s.iam.principals {
		if slices.Contains(p.Attached, arn) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *Principal) int { return strings.Compare(a.ARN(), b.ARN()) })
	return found
}

func createPolicy(s *Server, c call) (any, *Failure) {
	document := c.Parameters.Get("PolicyDocument")
	p := &Policy{
		Name: c.Parameters.Get("PolicyName"), Path: cmp.Or(c.Parameters.Get("Path"), "/"), Description: c.Parameters.Get("Description"),
		Versions: []PolicyVersion{{"v1", document, true}},
	}
	if failure := checkPolicyName(p.Name); failure != nil {
		return nil, failure
	}
	if s.iam.policies[p.ARN()] != nil {
		return nil, &Failure{Status: http.StatusConflict, Code: "EntityAlreadyExists", Message: "A policy called " + p.Name + " already exists. Duplicate names are not allowed."}
	}
	if failure := checkManaged(document); failure != nil {
		return nil, failure
	}
	s.iam.policies[p.ARN()] = p
	return struct{ Policy policyDetails }{s.details(p)}, nil
}

// ofPolicy finds the managed policy of a call.
func (s *Server) ofPolicy(c call) (*Policy, *Failure) {
	arn := c.Parameters.Get("PolicyArn")
	if p := s.iam.policies[arn]; p != nil {
		return p, nil
	}
	return nil, noSuchEntity("Policy " + arn + " was not found.")
}

func getPolicy(s *Server, c call) (any, *Failure) {
	p, failure := s.ofPolicy(c)
	if failure != nil {
		return nil, failure
	}
	return struct{ Policy policyDetails }{s.details(p)}, nil
}

type versionDetails struct {
	Document         string `xml:",omitempty"`
	VersionId        string
	IsDefaultVersion bool
	CreateDate       string
}

func detailsOf(v PolicyVersion) versionDetails {
	return versionDetails{VersionId: v.ID, IsDefaultVersion: v.Default, CreateDate: "2026-01-02T03:04:05Z"}
}

func getPolicyVersion(s *Server, c call) (any, *Failure) {
	p, failure := s.ofPolicy(c)
	if failure != nil {
		return nil, failure
	}
	id := c.Parameters.Get("VersionId")
	for _, v := range p.Versions {
		if v.ID == id {
			details := detailsOf(v)
			details.Document = encoded(v.Document)
			return struct{ PolicyVersion versionDetails }{details}, nil
		}
	}
	return nil, noSuchEntity("Policy " + p.ARN() + " version " + id + " does not exist or is not attachable.")
}

func listPolicyVersions(s *Server, c call) (any, *Failure) {
	p, failure := s.ofPolicy(c)
	if failure != nil {
		return nil, failure
	}
	var all []versionDetails
	for _, v := range slices.Backward(p.Versions) { // the newest first, as AWS does
		all = append(all, detailsOf(v))
	}
	page, marker, failure := pageOf(s, c, all)
	return struct {
		Versions    []versionDetails `xml:"Versions>member"`
		IsTruncated bool
		Marker      string `xml:",omitempty"`
	}{page, marker != "", marker}, failure
}

const maxVersions = 5

func createPolicyVersion(s *Server, c call) (any, *Failure) {
	p, failure := s.ofPolicy(c)
	if failure != nil {
		return nil, failure
	}
	document := c.Parameters.Get("PolicyDocument")
	if failure := checkManaged(document); failure != nil {
		return nil, failure
	}
	if len(p.Versions) >= maxVersions {
		return nil, limitExceeded("A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
	}
	asDefault := false
	if text := c.Parameters.Get("SetAsDefault"); text != "" {
		if asDefault, failure = readBool("SetAsDefault", text); failure != nil {
			return nil, failure
		}
	}
	newest := 0
	for i, v := range p.Versions {
		n, err := strconv.Atoi(strings.TrimPrefix(v.ID, "v"))
		if err != nil {
			panic(err) // staged by a test
		}
		newest = max(newest, n)
		p.Versions[i].Default = v.Default && !asDefault
	}
	v := PolicyVersion{"v" + strconv.Itoa(newest+1), document, asDefault}
	p.Versions = append(p.Versions, v)
	return struct{ PolicyVersion versionDetails }{detailsOf(v)}, nil
}

func deletePolicyVersion(s *Server, c call) (any, *Failure) {
	p, failure := s.ofPolicy(c)
	if failure != nil {
		return nil, failure
	}
	id := c.Parameters.Get("VersionId")
	i := slices.IndexFunc(p.Versions, func(v PolicyVersion) bool { return v.ID == id })
	switch {
	case i < 0:
		return nil, noSuchEntity("Policy " + p.ARN() + " version " + id + " does not exist or is not attachable.")
	case p.Versions[i].Default:
		return nil, &Failure{Status: http.StatusConflict, Code: "DeleteConflict", Message: "Cannot delete the default version of a policy."}
	}
	p.Versions = slices.Delete(p.Versions, i, i+1)
	return nil, nil
}

func listEntitiesForPolicy(s *Server, c call) (any, *Failure) {
	p, failure := s.ofPolicy(c)
	if failure != nil {
		return nil, failure
	}
	page, marker, failure := pageOf(s, c, s.attachedTo(p.ARN()))
	type role struct{ RoleName string }
	type user struct{ UserName string }
	type group struct{ GroupName string }
	result := struct {
		PolicyRoles  []role  `xml:"PolicyRoles>member"`
		PolicyUsers  []user  `xml:"PolicyUsers>member"`
		PolicyGroups []group `xml:"PolicyGroups>member"`
		IsTruncated  bool
		Marker       string `xml:",omitempty"`
	}{IsTruncated: marker != "", Marker: marker}
	for _, principal := range page {
		switch principal.Kind {
		case "Role":
			result.PolicyRoles = append(result.PolicyRoles, role{principal.Name})
		case "User":
			result.PolicyUsers = append(result.PolicyUsers, user{principal.Name})
		case "Group":
			result.PolicyGroups = append(result.PolicyGroups, group{principal.Name})
		}
	}
	return result, failure
}
