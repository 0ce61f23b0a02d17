package doctor

// CauseWords are the words by which causes of the library are recognized.
var CauseWords = []string{
	aboutPolicy, aboutIdentity, aboutCredentials, aboutClock, aboutIAM, aboutRole, aboutPlugin, aboutServerLog,
	aboutDatabase, aboutLogin, aboutConnect, aboutProxyAuth, aboutThrottle, aboutRegion, aboutName,
}

// FixPlugin is the fix of an account of MySQL that logged in without the plugin of RDS.
var FixPlugin = fixPlugin
