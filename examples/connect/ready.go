package connect

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

// ready returns when a login has succeeded. Call it before the others use db.
func ready(ctx context.Context, db *sql.DB) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(rand.N(wait)):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}
