package rdsiamtest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

// defaultPolicies allow to log in as each IAM account of the server.
func (s *Server) defaultPolicies() (documents []string, err error) {
	allowed := make(map[string][]string) // resources, by action
	for name, account := range s.accounts {
		for _, endpoint := range s.endpoints {
			if account.iam && endpoint.isDSQL() {
				action, resource := s.wanted(endpoint, name)
				allowed[action] = append(allowed[action], resource)
			} else if account.iam {
				allowed[connectAction] = append(allowed[connectAction], s.userARN(endpoint, iampolicy.Escape(name)))
			}
		}
	}
	for _, action := range slices.Sorted(maps.Keys(allowed)) {
		document, err := iampolicy.Allow(action, allowed[action])
		if err != nil {
			return nil, err
		}
		documents = append(documents, string(document.Indented()))
	}
	return documents, nil
}

// request returns what the policies of the identity are asked for a login.
func (i *identity) request(action, resource, region string, now time.Time) iampolicy.Request {
	parts := strings.SplitN(i.ARN, ":", 6)
	known := map[string]string{
		"aws:principalarn":          principalARN(i.ARN),
		"aws:principalaccount":      parts[4],
		"aws:principalisawsservice": "false",
		"aws:viaawsservice":         "false",
		"aws:requestedregion":       region,
		"aws:currenttime":           now.UTC().Format(time.RFC3339),
		"aws:epochtime":             strconv.FormatInt(now.Unix(), 10),
	}
	absent := []string{"aws:PrincipalTag/"}
	if path, ok := strings.CutPrefix(parts[5], "user/"); ok {
		known["aws:username"] = path[strings.LastIndexByte(path, '/')+1:]
	} else {
		absent = append(absent, "aws:username")
	}
	if i.Credentials.SessionToken == "" { // only temporary credentials have these
		absent = append(absent, "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:TokenIssueTime")
	}
	for key, value := range i.Tags {
		known["aws:principaltag/"+strings.ToLower(key)] = value
	}
	for key, value := range i.Context {
		key = strings.ToLower(key)
		if known[key] = value; value == "" {
			delete(known, key)
			absent = append(absent, key)
		}
	}
	return iampolicy.Request{Action: action, Resource: resource, Context: known, Absent: absent}
}

// principalARN returns what aws:PrincipalArn is: of a role session, the ARN of the role.
func principalARN(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	role, ok := strings.CutPrefix(parts[5], "assumed-role/")
	if !ok {
		return arn
	}
	role, _, _ = strings.Cut(role, "/")
	return "arn:" + parts[1] + ":iam::" + parts[4] + ":role/" + role
}
