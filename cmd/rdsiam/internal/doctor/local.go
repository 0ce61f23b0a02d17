package doctor

// Local says that ENDPOINT is a database of "rdsiam local", behind which there is no AWS.
type Local struct {
	RootCAsFile string // of its certificate authority
}

// explainLocal says what to change in local, which names the reason of each refusal itself.
func (c *chart) explainLocal(said string) Result {
	return failed("%s", said).fix("rdsiam local names the reason on its standard error; it takes database users with --user, and policies with --policy",
		"rdsiam local --user "+shellWord(c.User))
}
