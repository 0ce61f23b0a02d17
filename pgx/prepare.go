package rdspgx

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/endpoints"
)

const (
	defaultPort = 5432
	// maxUser is the length, in bytes, to which PostgreSQL cuts names.
	maxUser = 63
)

// host is one host of a configuration, with what a login to it needs.
type host struct {
	name     string // as pgx dials it
	port     uint16
	endpoint rdsiam.Endpoint
	given    givenTLS

	// What matters of the tls.Config that the hook leaves, by value: the caller can
	// reach that, and pgx dials with a copy of it.
	roots          *x509.CertPool
	callerVerifies bool // with InsecureSkipVerify and VerifyConnection
}

// givenTLS is what the caller has set of the fields that a hook sets.
type givenTLS struct {
	serverName string
	roots      *x509.CertPool
	skipVerify bool
}

func givenBy(config *tls.Config) givenTLS {
	return givenTLS{serverName: config.ServerName, roots: config.RootCAs, skipVerify: config.InsecureSkipVerify}
}

// config returns a configuration with these fields, to describe errors by.
func (g givenTLS) config() *tls.Config {
	return &tls.Config{ServerName: g.serverName, RootCAs: g.roots, InsecureSkipVerify: g.skipVerify}
}

// verifiedBy reports whether a handshake with config proves that the server is h.
func (h *host) verifiedBy(config *tls.Config) bool {
	return config != nil &&
		config.ServerName == h.endpoint.Host() &&
		config.RootCAs == h.roots &&
		config.InsecureSkipVerify == h.callerVerifies &&
		(!config.InsecureSkipVerify || config.VerifyConnection != nil)
}

// prepare is the one place with the rules for a configuration. It changes config into
// one that is safe to carry a token, but for the token, or says why that cannot be
// done. It is idempotent.
//
// Config may be a shallow copy, as pgx's stdlib makes them: what its fields point to is
// shared with other connections and stays as it is. So the rules are applied to a copy,
// in place: pgx finds client certificates of files by the address of the tls.Config, and
// only its Copy makes it know another address.
func prepare(config *pgx.ConnConfig, resolver *endpoints.Resolver) (*preparedConfig, error) {
	if config == nil {
		return nil, configError("pgx-config-nil", "pgx.ConnConfig", "",
			"is nil",
			"pass the result of pgx.ParseConfig")
	}
	if config.BuildFrontend == nil || config.DialFunc == nil || config.LookupFunc == nil {
		return nil, configError("pgx-config-not-parsed", "pgx.ConnConfig", "",
			"was not made by pgx.ParseConfig, which pgx demands",
			"make it with pgx.ParseConfig and change its fields")
	}
	if err := checkAuthentication(config); err != nil {
		return nil, err
	}
	earlier := preparedConfigOf(config.AfterNetConnect, ourHooks...)
	copied := config.Copy()
	entries, err := encryptedEntries(copied)
	if err != nil {
		return nil, err
	}
	result := &preparedConfig{user: config.User, hosts: make([]host, len(entries)), afterNetConnectOfCaller: config.AfterNetConnect}
	if earlier != nil {
		result.afterNetConnectOfCaller = earlier.afterNetConnectOfCaller
	}
	for n := range entries {
		if result.hosts[n], err = prepareHost(entries[n], earlier, resolver); err != nil {
			return nil, err
		}
	}
	if err := result.check(); err != nil {
		return nil, err
	}
	result.apply(copied, entries)
	*config = *copied
	return result, nil
}

// checkAuthentication refuses settings under which pgx would not send the token.
func checkAuthentication(config *pgx.ConnConfig) error {
	if config.ChannelBinding == "require" {
		return configError("channel-binding-require", "channel_binding", config.ChannelBinding,
			"needs SCRAM, and a token is sent as a clear-text password inside TLS",
			"remove channel_binding from the DSN and PGCHANNELBINDING from the environment")
	}
	if forbidsPassword(config.RequireAuth) {
		return configError("require-auth-without-password", "require_auth", config.RequireAuth,
			"forbids the method password, by which RDS asks for tokens",
			"set require_auth=password, or remove it and PGREQUIREAUTH")
	}
	return nil
}

// forbidsPassword reads require_auth: methods, or methods that are forbidden.
func forbidsPassword(requireAuth string) bool {
	if requireAuth == "" {
		return false
	}
	methods := strings.Split(requireAuth, ",")
	for i := range methods {
		methods[i] = strings.TrimSpace(methods[i])
	}
	if strings.HasPrefix(methods[0], "!") {
		return slices.Contains(methods, "!password")
	}
	return !slices.Contains(methods, "password")
}

// encryptedEntries returns the hosts of config, each once and with TLS. pgx has an entry
// without TLS beside the one with TLS for sslmode=allow and prefer.
func encryptedEntries(config *pgx.ConnConfig) ([]pgconn.FallbackConfig, error) {
	all := make([]pgconn.FallbackConfig, 0, 1+len(config.Fallbacks))
	all = append(all, pgconn.FallbackConfig{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig})
	for _, fallback := range config.Fallbacks {
		all = append(all, *fallback)
	}
	for _, entry := range all {
		if strings.HasPrefix(entry.Host, "/") || strings.HasPrefix(entry.Host, "@") || strings.Contains(entry.Host, `:\`) {
			return nil, configError("unix-socket", "host", entry.Host,
				"is a unix socket, which pgx takes where no host is named; RDS has none",
				"name the endpoint in the DSN or in PGHOST")
		}
		if !slices.ContainsFunc(all, encrypted) {
			return nil, configError("sslmode-disable", "sslmode", "disable",
				"would send the token to "+entry.Host+" in clear text",
				"remove sslmode from the DSN and PGSSLMODE from the environment, or set them to verify-full; if Host was set after pgx.ParseConfig, name it in the DSN")
		}
		if !slices.ContainsFunc(all, func(other pgconn.FallbackConfig) bool { return encrypted(other) && sameHost(entry, other) }) {
			return nil, configError("fallback-without-tls", "pgx.ConnConfig.Fallbacks", entry.Host,
				"has no TLS, and is not the plaintext twin of an entry with TLS, which would be dropped",
				"name all hosts in the DSN; if Host was set after pgx.ParseConfig, set TLSConfig to an empty tls.Config and Fallbacks to nil with it")
		}
	}
	entries := all[:0]
	for _, entry := range all {
		if encrypted(entry) && !slices.ContainsFunc(entries, func(other pgconn.FallbackConfig) bool { return sameHost(entry, other) }) {
			entries = append(entries, entry)
		}
	}
	return entries, nil
}

func encrypted(entry pgconn.FallbackConfig) bool { return entry.TLSConfig != nil }

func sameHost(a, b pgconn.FallbackConfig) bool { return a.Host == b.Host && a.Port == b.Port }

// prepareHost applies the rules to one host and to the TLS settings of its entry, which
// nobody else uses.
func prepareHost(entry pgconn.FallbackConfig, earlier *preparedConfig, resolver *endpoints.Resolver) (host, error) {
	endpoint, err := resolver.ResolveHost(entry.Host, entry.Port)
	if err != nil {
		return host{}, err
	}
	earlier.undo(entry.TLSConfig)
	given := givenBy(entry.TLSConfig)
	if err := dropVerifyCA(entry.TLSConfig, callbackOfPGX); err != nil {
		return host{}, err
	}
	if err := resolver.SecureTLS(endpoint, entry.TLSConfig); err != nil {
		return host{}, err
	}
	return host{
		name:           entry.Host,
		port:           entry.Port,
		endpoint:       endpoint,
		given:          given,
		roots:          entry.TLSConfig.RootCAs,
		callerVerifies: entry.TLSConfig.InsecureSkipVerify,
	}, nil
}

// check refuses users that no server accepts, and hosts that cannot be told apart. Login.Token
// validates too; here, New reports the user, and not the first login.
func (p *preparedConfig) check() error {
	if err := p.login(p.hosts[0]).Validate(); err != nil {
		return err
	}
	if len(p.user) > maxUser {
		return configError("postgresql-user-too-long", "user", p.user[:maxUser]+"…",
			"has "+strconv.Itoa(len(p.user))+" bytes, and PostgreSQL cuts names to "+strconv.Itoa(maxUser),
			"name the role as the database spells it")
	}
	for n, one := range p.hosts {
		for _, other := range p.hosts[:n] {
			if one.endpoint.String() == other.endpoint.String() {
				return configError("hosts-alike", "host", other.name+","+one.name,
					"both stand for "+one.endpoint.String()+"; rdsiam.WithEndpoint does not fit several hosts",
					"name one host")
			}
		}
	}
	return nil
}

// apply puts into config what prepare has found.
func (p *preparedConfig) apply(config *pgx.ConnConfig, entries []pgconn.FallbackConfig) {
	config.Host, config.Port, config.TLSConfig = entries[0].Host, entries[0].Port, entries[0].TLSConfig
	config.Fallbacks = nil
	for n := range entries[1:] {
		config.Fallbacks = append(config.Fallbacks, &entries[1+n])
	}
	config.Password = ""
	config.AfterNetConnect = p.afterNetConnectOfCaller
	if !allProxies(p.hosts) {
		// RDS asks roles outside rds_iam for a password by SCRAM or MD5. The token is
		// no password of theirs: never send a hash of it, whatever the caller allows.
		config.RequireAuth = "password"
	}
}

func allProxies(hosts []host) bool {
	return !slices.ContainsFunc(hosts, func(h host) bool {
		return h.endpoint.Kind() != rdsiam.KindProxy && h.endpoint.Kind() != rdsiam.KindProxyEndpoint
	})
}
