package rdsmysql

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
)

const (
	defaultPort = 3306
	// maxUser is MariaDB's limit, in characters. MySQL's is 32, but the engine is
	// known only when the server answers.
	maxUser = 128
	// defaultAddr is what the driver dials where no address is given.
	defaultAddr = "127.0.0.1:3306"
)

// prepare is the one place with the rules for a Config. It makes config, which the
// driver has completed and which is about to dial, safe to carry a token, or says why
// that cannot be done. It is idempotent.
//
// Once it has passed, no server can get the token, or a hash of it, outside verified
// TLS, whatever it asks for:
//
//   - With Config.TLS set and AllowFallbackToPlaintext unset the driver sends nothing
//     but the request for TLS before the handshake; a server without TLS gets nothing.
//   - mysql_clear_password, sha256_password and caching_sha2_password in its full form
//     send the token itself, inside TLS. The forms that encrypt it with a key that the
//     server sends are for connections without TLS.
//   - mysql_native_password, client_ed25519 and the short form of caching_sha2_password
//     send a hash, inside TLS. They must stay, because RDS greets every client with one
//     of them before it switches to mysql_clear_password.
//   - Compression begins after the login, so nobody can learn about the token from
//     compressed lengths.
func prepare(config *mysql.Config, resolver *endpoints.Resolver) (*readyConfig, error) {
	config.Passwd = ""
	if err := checkSettings(config); err != nil {
		return nil, err
	}
	endpoint, err := resolve(config.Addr, resolver)
	if err != nil {
		return nil, err
	}
	if endpoint.Kind() == rdsiam.KindDSQL {
		return nil, configError("dsql-not-mysql", "address", endpoint.Host(),
			"a cluster of Aurora DSQL, which speaks the protocol of PostgreSQL only",
			"connect with package rdspgx")
	}
	login := rdsiam.Login{Endpoint: endpoint, User: config.User}
	if err := checkUser(login); err != nil {
		return nil, err
	}
	given := config.TLS
	if config.TLS, err = resolver.TLSConfig(endpoint, given); err != nil {
		return nil, err
	}
	config.AllowCleartextPasswords = true
	config.AllowNativePasswords = true
	return &readyConfig{login: login, given: given}, nil
}

// checkSettings refuses what would let a token travel without verified TLS. The driver
// has the tls parameter of a DSN in Config.TLSConfig.
func checkSettings(config *mysql.Config) error {
	const removeTLS = "remove tls from the DSN, or TLSConfig from the mysql.Config, and the connection uses TLS that verifies the server"
	switch config.Net {
	case "unix", "unixgram", "unixpacket":
		return configError("unix-socket", "net", config.Net,
			"RDS has no unix sockets, and a socket has no host name to sign or verify",
			"use tcp(host:3306), or a network registered with mysql.RegisterDialContext together with rdsiam.WithEndpoint")
	}
	switch config.TLSConfig {
	case "false":
		return configError("tls-false", "tls", config.TLSConfig,
			"would send the token in clear text",
			removeTLS)
	case "preferred":
		return configError("tls-preferred", "tls", config.TLSConfig,
			"would send the token in clear text to a server that offers no TLS, and never verifies the server",
			removeTLS)
	case "skip-verify":
		return configError("tls-skip-verify", "tls", config.TLSConfig,
			"would send the token to a server that nobody has verified",
			removeTLS+"; give roots of your own with rdsiam.WithRootCAs")
	case "", "true":
	default:
		if config.TLS == nil {
			return configError("tls-name-late", "TLSConfig", config.TLSConfig,
				"was named inside a BeforeConnect function, where the driver no longer looks up registered TLS configurations",
				"name it in the Config that is given to mysql.NewConnector, or set Config.TLS")
		}
	}
	if config.AllowFallbackToPlaintext {
		return configError("plaintext-fallback", "AllowFallbackToPlaintext", "true",
			"would send the token in clear text to a server that offers no TLS",
			"remove it")
	}
	if config.AllowOldPasswords {
		// Refused rather than turned off, because the driver's answer to a server
		// that asks for it is to advise turning it on.
		return configError("old-passwords", "AllowOldPasswords", "true",
			"would let a server ask for a hash of the token that is easily reversed; RDS never does",
			"remove it")
	}
	return nil
}

// checkUser refuses users that no server accepts. Login.Token validates too; here, New reports
// the user, and not the first login.
func checkUser(login rdsiam.Login) error {
	if err := login.Validate(); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(login.User); n > maxUser {
		return configError("mysql-user-too-long", "user", string([]rune(login.User)[:maxUser])+"…",
			fmt.Sprintf("has %d characters, and MariaDB allows %d, MySQL 32", n, maxUser),
			"name the database user as the database spells it")
	}
	return nil
}

func resolve(addr string, resolver *endpoints.Resolver) (rdsiam.Endpoint, error) {
	endpoint, err := resolver.Resolve(addr)
	if err == nil {
		return endpoint, nil
	}
	var refused *rdsiam.ConfigError
	if errors.As(err, &refused) && addr == defaultAddr && refused.Setting == "endpoint" {
		return rdsiam.Endpoint{}, configError("address-default", "Addr", addr,
			"is this machine, and what the driver dials where no address is given; it is no RDS endpoint",
			"give the endpoint, as in user@tcp(host:3306)/database, and, if this is a tunnel, its other end with rdsiam.WithEndpoint")
	}
	return rdsiam.Endpoint{}, err
}
