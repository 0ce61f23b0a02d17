// Package service stands for a service of yours: its functions take a *sql.DB, so that
// its tests can give them one that logs in to an rdsiamtest server.
package service

import (
	"context"
	"database/sql"
	"fmt"
)

// CurrentUser returns the database user that queries run as.
func CurrentUser(ctx context.Context, db *sql.DB) (string, error) {
	var user string
	if err := db.QueryRowContext(ctx, "select current_user").Scan(&user); err != nil {
		return "", fmt.Errorf("ask for the current user: %w", err)
	}
	return user, nil
}
