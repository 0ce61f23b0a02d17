//go:build !unix

package agent

// Detach does nothing: this system has no exec(2), so that rdsiam stays, with the proxy in it.
func Detach([]string) (code int, is bool) { return 0, false }
