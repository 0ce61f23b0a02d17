package connect

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/rdsiam/rdsiam"
)

// ping logs in, and tries again as long as that can help.
func ping(ctx context.Context, db *sql.DB) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := db.PingContext(ctx)
		if err == nil || !retryable(err) {
			return err
		}
		select {
		case <-time.After(rand.N(wait)): // backoff with jitter
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

func retryable(err error) bool {
	var failed *rdsiam.LoginError
	if errors.As(err, &failed) {
		return failed.Retryable()
	}
	return rdsiam.Explain(err).Retryable // ConfigError, CredentialsError, errors of a hook
}

// logCauses logs all that a failed login can mean.
func logCauses(ctx context.Context, logger *slog.Logger, err error) {
	for _, cause := range rdsiam.Explain(err).Causes {
		logger.ErrorContext(ctx, "login failed", "cause", cause.Text, "fix", cause.Fix)
	}
}
