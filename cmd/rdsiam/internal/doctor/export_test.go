package doctor

// FixPlugin is the fix of an account of MySQL that logged in without the plugin of RDS.
var FixPlugin = fixPlugin
