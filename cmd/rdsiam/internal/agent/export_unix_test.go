//go:build unix

package agent

// Poll is how processes are watched where the system does not say that they end.
var Poll = poll
