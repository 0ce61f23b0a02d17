package proxy

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
)

// Target is the database, the user that clients are logged in as, and where tokens come from.
type Target struct {
	rdsiam.Login
	Dialed  string                  // host:port, which Options resolve to Login.Endpoint
	Options []rdsiam.EndpointOption // of Dialed
	Tokens  rdsiam.TokenSource
	Doctor  string // command that clients are advised to run when a login fails, "" for none
}

// connect logs in with d by the rules of the library.
func (t Target) connect(ctx context.Context, d rdsiam.Driver, counters *counters) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, logInTime)
	defer cancel()
	return rdsiam.NewConnector(d, t.Tokens, rdsiam.WithObserver(counters.observe)).Connect(ctx)
}

// ready asks for the token that the next client needs.
func (t Target) ready(ctx context.Context) error {
	_, err := t.Login.Token(ctx, t.Tokens)
	return err
}

// told is what a client is told of a login at the database that has failed.
type told struct {
	text string // what happened, in a line
	hint string // what that usually means and what to change, "" if that is not known
}

func (t Target) tell(err error) told {
	text := "the proxy could not log in to " + t.Endpoint.String() + " as " + t.User
	if t.Doctor != "" { // before the cause, the end of which MySQL's clients cut
		text += " (to find out why: " + t.Doctor + ")"
	}
	var failed *rdsiam.LoginError
	switch {
	case !errors.As(err, &failed): // there is no token, for instance
		text += ": " + errortext.Of(err)
	case failed.Code == "" && failed.Unwrap() != nil: // else the server has said what
		text += ": " + errortext.Of(failed.Unwrap())
	}
	return told{oneLine.Replace(text), strings.TrimSpace(errortext.Explanation(rdsiam.Explain(err)).String())}
}

var oneLine = strings.NewReplacer(":\n\t", ": ", "\n\t", "; ", "\n", "; ")
