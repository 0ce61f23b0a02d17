package causes

// proxyRules are the refusals of RDS Proxy, which has words of its own.
var proxyRules = []rule{
	{
		texts:     []string{"too many competing requests", "iam authentication rate limit exceeded"},
		causes:    []string{ProxyThrottled},
		retryable: true,
	},
	{
		texts: []string{"the iam authentication failed for the role",
			"iam authentication failed for user"},
		causes: []string{ProxyPolicy, SigningCredentials, Identity, Clock, ProxyEndpoint},
	},
	{
		texts:  []string{"this rds proxy has no credentials for the role"},
		causes: []string{ProxyAuth},
	},
	{
		texts:  []string{"the password that was provided for the role"},
		causes: []string{ProxyAuth, ProxyPassword},
	},
	{
		texts: []string{"iam authentication is allowed only with ssl connections",
			"iam is allowed only with ssl connections", "this rds proxy requires tls connections"},
		causes: []string{ProxyNoTLS},
	},
	{
		texts:     []string{"timed-out waiting to acquire database connection"},
		causes:    []string{ProxyNoConnection},
		retryable: true,
	},
}
