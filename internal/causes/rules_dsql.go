package causes

// dsqlRules are the refusals of Aurora DSQL, which have the reason in the hint: package
// rdspgx adds it to the message. The texts are from the AWS pages and from logs that others
// have published; no cluster was asked.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/troubleshooting.html
var dsqlRules = []rule{
	{
		kinds: dsql, texts: []string{"signature expired"},
		causes: []string{Clock, SigningCredentials},
	},
	{
		kinds: dsql, texts: []string{"wrong user to action mapping"},
		causes: []string{DSQLAction},
	},
	{
		kinds: dsql, texts: []string{"is not authorized"},
		causes: []string{DSQLPolicy, Identity},
	},
	{
		kinds: dsql, texts: []string{"iam authentication failed for user"},
		causes: []string{DSQLGrant, Identity},
	},
	{
		kinds: dsql, texts: []string{"access denied"},
		causes: []string{DSQLPolicy, DSQLGrant, Identity, SigningCredentials, Clock},
	},
	{
		kinds: dsql, texts: []string{"waking up"},
		causes:    []string{DSQLWaking},
		retryable: true,
	},
	{
		kinds: dsql, codes: []string{"53300", "53400"},
		causes:    []string{DSQLLimit},
		retryable: true,
	},
}
