package cli

// NewRoot returns the commands, for tests that look at them.
var NewRoot = newRoot
