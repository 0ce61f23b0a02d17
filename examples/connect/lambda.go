package connect

import (
	"context"
	"database/sql"
	"fmt"
)

// handler returns what an AWS Lambda function runs for each request. The database is opened
// once, outside it, and outlives the freezes between requests.
func handler(db *sql.DB) func(context.Context) (string, error) {
	db.SetMaxOpenConns(1) // an instance serves one request at a time
	return func(ctx context.Context) (string, error) {
		var user string
		if err := db.QueryRowContext(ctx, "select current_user").Scan(&user); err != nil {
			return "", fmt.Errorf("ask for the current user: %w", err)
		}
		return user, nil
	}
}
