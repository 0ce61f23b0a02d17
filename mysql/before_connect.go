package rdsmysql

import (
	"reflect"

	"github.com/go-sql-driver/mysql"
)

// refuseBeforeConnect refuses a Config whose own hook ours would replace, and one of which
// that cannot be known. clearHook takes a hook out: mysql.BeforeConnect(nil).
func refuseBeforeConnect(config *mysql.Config, clearHook mysql.Option) error {
	// The driver has no way to ask. But reflect.DeepEqual never finds two functions equal,
	// so what is left of the Config without them equals itself until it has a hook.
	rest := *config
	rest.DialFunc, rest.Logger = nil, nil
	if equalsItself(rest) {
		return nil
	}
	if err := rest.Apply(clearHook); err != nil || !equalsItself(rest) {
		return configError("before-connect-unknown", "mysql.Config", "",
			"this version of go-sql-driver/mysql does not let rdsmysql see whether the Config has a BeforeConnect function",
			"use ParseDSN, or a version of the driver that rdsmysql was tested with")
	}
	return configError("before-connect-set", "mysql.BeforeConnect", "",
		"the Config has a BeforeConnect function, and the driver keeps only one, which has to be the one that sets the token",
		"leave it out of the Config and give it to WithBeforeConnect of the rdsmysql.Driver")
}

func equalsItself(config mysql.Config) bool { return reflect.DeepEqual(config, config) }
