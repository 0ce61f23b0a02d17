package fleet_test

import (
	"time"

	"github.com/rdsiam/rdsiam/internal/test/fleet"
)

// A scenario is what a table says about one fleet, with reuse of tokens or without.
type scenario struct {
	table  string
	name   string
	reuse  []bool
	change func(*fleet.Fleet)
}

// What floods the server with refused logins takes the longest to simulate: without
// reuse each of them costs a signature.
var (
	both   = []bool{true, false}
	reused = []bool{true}
)

// seeds is how often each scenario is simulated.
const seeds = 3

// patience is how long a fleet may take to come back before it counts as not coming back.
const patience = time.Minute

var (
	jitter    = fleet.Retry{Base: 100 * time.Millisecond, Cap: 5 * time.Second, Jitter: true}
	noJitter  = fleet.Retry{Base: 100 * time.Millisecond, Cap: 5 * time.Second}
	eachOne   = fleet.Retry{Base: time.Second, Cap: time.Second}
	hammering = fleet.Retry{Base: 250 * time.Millisecond, Cap: 250 * time.Millisecond}
)

// usual is the fleet that the scenarios change.
func usual() fleet.Fleet {
	return fleet.Fleet{
		Processes: 500, Connections: 20,
		Down:   10 * time.Second,
		Server: fleet.Server{NewTokens: 200},
		Reuse:  time.Minute,
		Retry:  jitter,
	}
}

var scenarios = []scenario{
	{"retry", "back-off to 5 s, jitter", both, func(*fleet.Fleet) {}},
	{"retry", "back-off to 5 s, no jitter", both, func(f *fleet.Fleet) { f.Retry = noJitter }},
	{"retry", "every second", both, func(f *fleet.Fleet) { f.Retry = eachOne }},
	{"retry", "every 250 ms", reused, func(f *fleet.Fleet) { f.Retry = hammering }},

	{"limit", "one login at once", both, func(f *fleet.Fleet) { f.Limit.AtOnce = 1 }},
	{"limit", "2 logins a second", both, func(f *fleet.Fleet) { f.Limit.Every = 500 * time.Millisecond }},
	{"limit", "0.4 logins a second", both, func(f *fleet.Fleet) { f.Limit.Every = 2500 * time.Millisecond }},
	{"limit", "one connection goes ahead", both, func(f *fleet.Fleet) { f.Limit.Scout = true }},

	{"else", "50 × 20", both, func(f *fleet.Fleet) { f.Processes = 50 }},
	{"else", "100 × 100", both, func(f *fleet.Fleet) { f.Processes, f.Connections = 100, 100 }},
	{"else", "2000 × 20", reused, func(f *fleet.Fleet) { f.Processes = 2000 }},
	{"else", "all processes sign with the same credentials", both, func(f *fleet.Fleet) { f.Shared = true }},
	{"else", "tokens signed up to a minute before", both, func(f *fleet.Fleet) { f.Warm = time.Minute }},
	{"else", "the server answers 1000 logins a second", both, func(f *fleet.Fleet) { f.Server.Logins = 1000 }},
	{"else", "20 new tokens a second", reused, func(f *fleet.Fleet) { f.Server.NewTokens = 20 }},
	{"else", "logins with known tokens count too", reused, func(f *fleet.Fleet) { f.Server.CountKnown = true }},
	{"else", "refused logins count too", reused, func(f *fleet.Fleet) { f.Server.CountRefused = true }},
	{"else", "refused logins count too; one connection goes ahead", both, func(f *fleet.Fleet) {
		f.Server.CountRefused, f.Limit.Scout, f.Retry.Cap = true, true, 10*time.Second // 500 in 5 s on average
	}},
}
