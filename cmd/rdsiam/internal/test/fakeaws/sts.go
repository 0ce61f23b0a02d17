package fakeaws

import "strings"

var stsService = service{
	name:      "sts",
	version:   "2011-06-15",
	namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
	actions: map[string]action{
		"GetCallerIdentity": {answer: getCallerIdentity},
	},
}

func getCallerIdentity(_ *Server, c call) (any, *Failure) {
	return struct{ Arn, UserId, Account string }{c.Caller, "AIDACKCEVSQ6C2EXAMPLE", accountOf(c.Caller)}, nil
}

// accountOf returns the account in an ARN.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
