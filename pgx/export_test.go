package rdspgx

import "github.com/jackc/pgx/v5"

// Prepared returns a configuration as Open would dial it.
func (d *Driver) Prepared() (*pgx.ConnConfig, error) {
	config := d.config.Copy()
	_, err := prepare(config, d.resolver)
	return config, err
}
