package admin

// What Open does to the settings of a DSN.
var (
	ConfigPostgreSQL = configPostgreSQL
	Verify           = verify
)
