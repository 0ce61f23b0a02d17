package provision

import "github.com/rdsiam/rdsiam"

// configError returns the error for a mistake in a description. Each code is listed in the
// package's doc comment.
func configError(code, setting, value, problem, fix string) *rdsiam.ConfigError {
	return &rdsiam.ConfigError{Code: code, Setting: setting, Value: value, Problem: problem, Fix: fix}
}

// kindError is a ConfigError that errors.Is finds by its kind as well.
type kindError struct {
	kind   error
	config *rdsiam.ConfigError
}

func (e *kindError) Error() string   { return e.config.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.config} }

func configErrorOf(kind error, code, setting, value, problem, fix string) error {
	return &kindError{kind, configError(code, setting, value, problem, fix)}
}
