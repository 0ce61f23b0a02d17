package rdsmysql

import "github.com/rdsiam/rdsiam"

// configError returns the error for a setting that cannot work. Each code is listed in the
// package's doc comment.
func configError(code, setting, value, problem, fix string) *rdsiam.ConfigError {
	return &rdsiam.ConfigError{Code: code, Setting: setting, Value: value, Problem: problem, Fix: fix}
}
