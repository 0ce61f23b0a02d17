package fleet

import (
	"math/rand/v2"
	"time"
)

// Wait returns how long a connection waits after a number of failures.
func (r Retry) Wait(failures int, chance *rand.Rand) time.Duration { return r.wait(failures, chance) }

// Start returns what shows a token to a server that is up from now on.
func (s Server) Start() (logIn func(token string) error) { return newServer(s, time.Now()).logIn }
