package doctor

// CauseWords are the words by which causes of the library are recognised.
var CauseWords = []string{
	aboutPolicy, aboutIdentity, aboutCredentials, aboutClock, aboutIAM, aboutRole, aboutPlugin, aboutServerLog,
	aboutDatabase, aboutLogin, aboutConnect, aboutProxyAuth, aboutThrottle, aboutRegion, aboutName,
}

// MendPlugin is the mend of an account of MySQL that logged in without the plugin of RDS.
var MendPlugin = mendPlugin
