package doctor

import (
	"context"
	"time"
)

const (
	// clockTolerance is how far in the future Signature Version 4 lets a date be. That of
	// RDS is not documented.
	clockTolerance = 5 * time.Minute
	// slowTolerance leaves a token a minute to be used in.
	slowTolerance = tokenLife - time.Minute
	clockWarning  = 30 * time.Second
)

// checkClock compares the clock of this machine with the date of AWS's answer, which is
// exact to a second.
func checkClock(_ context.Context, c *chart) Result {
	if c.skew == nil {
		return skipped("because AWS was not asked for the time")
	}
	const set = "sudo chronyc makestep"
	skew := c.skew.Round(time.Second)
	switch {
	case skew >= slowTolerance:
		c.clockBad = true
		return failed("this clock is %v slow: every token is born expired", skew).fix("set it", set)
	case -skew > clockTolerance:
		c.clockBad = true
		return failed("this clock is %v fast: tokens are not valid yet", -skew).fix("set it", set)
	case skew > clockWarning:
		return warning("this clock is %v slow, and tokens live shorter by that", skew).fix("set it", set)
	case -skew > clockWarning:
		return warning("this clock is %v fast", -skew).fix("set it; over 5 minutes AWS refuses", set)
	}
	return found("within %v of AWS's", max(skew.Abs(), time.Second))
}
