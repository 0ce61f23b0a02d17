package rdspgx

import (
	"crypto/tls"
	"net"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rdsiam/rdsiam"
)

const (
	defaultPort = 5432
	// maxUser is the length, in bytes, to which PostgreSQL cuts names.
	maxUser = 63
)

// host is one host of a configuration, with what a log-in to it needs.
type host struct {
	name     string // as pgx dials it
	port     uint16
	endpoint rdsiam.Endpoint
	given    *tls.Config // the caller's
	tls      *tls.Config // ours
}

// verifiedBy reports whether a handshake with config proves that the server is h. It is
// true of copies of h.tls, and pgx makes such.
func (h host) verifiedBy(config *tls.Config) bool {
	return config != nil &&
		config.ServerName == h.tls.ServerName &&
		config.RootCAs == h.tls.RootCAs &&
		config.InsecureSkipVerify == h.tls.InsecureSkipVerify &&
		(!config.InsecureSkipVerify || config.VerifyConnection != nil)
}

// prepare is the one place with the rules for a configuration. It changes config into
// one that is safe to carry a token, but for the token, or says why that cannot be
// done. Doing so twice is the same as once.
//
// Config may be a shallow copy, as pgx's stdlib makes them: what its fields point to is
// shared with other connections and stays as it is.
func prepare(config *pgx.ConnConfig, options []rdsiam.EndpointOption) (*installation, error) {
	if config == nil {
		return nil, &rdsiam.ConfigError{Setting: "pgx.ConnConfig", Problem: "is nil", Mend: "pass the result of pgx.ParseConfig"}
	}
	if config.BuildFrontend == nil || config.DialFunc == nil || config.LookupFunc == nil {
		return nil, &rdsiam.ConfigError{Setting: "pgx.ConnConfig", Problem: "was not made by pgx.ParseConfig, which pgx demands",
			Mend: "make it with pgx.ParseConfig and change its fields"}
	}
	if err := checkAuthentication(config); err != nil {
		return nil, err
	}
	earlier := installationOf(config.AfterNetConnect)
	entries, err := encryptedEntries(config)
	if err != nil {
		return nil, err
	}
	installed := &installation{user: config.User, afterNetConnectOfCaller: config.AfterNetConnect}
	if earlier != nil {
		installed.afterNetConnectOfCaller = earlier.afterNetConnectOfCaller
	}
	for _, entry := range entries {
		prepared, err := prepareHost(entry, earlier, options)
		if err != nil {
			return nil, err
		}
		installed.hosts = append(installed.hosts, prepared)
	}
	if err := installed.check(); err != nil {
		return nil, err
	}
	installed.apply(config)
	return installed, nil
}

// checkAuthentication refuses settings under which pgx would not send the token.
func checkAuthentication(config *pgx.ConnConfig) error {
	if config.ChannelBinding == "require" {
		return &rdsiam.ConfigError{Setting: "channel_binding", Value: config.ChannelBinding, Problem: "needs SCRAM, and a token is sent as a clear-text password inside TLS",
			Mend: "remove channel_binding from the DSN and PGCHANNELBINDING from the environment"}
	}
	methods := strings.Split(config.RequireAuth, ",")
	for i := range methods {
		methods[i] = strings.TrimSpace(methods[i])
	}
	forbidden := slices.Contains(methods, "!password")
	if config.RequireAuth != "" && !strings.HasPrefix(methods[0], "!") {
		forbidden = !slices.Contains(methods, "password")
	}
	if forbidden {
		return &rdsiam.ConfigError{Setting: "require_auth", Value: config.RequireAuth, Problem: "forbids the method password, by which RDS asks for tokens",
			Mend: "set require_auth=password, or remove it and PGREQUIREAUTH"}
	}
	return nil
}

// encryptedEntries returns the hosts of config, each once and with TLS. pgx has an entry
// without TLS beside the one with TLS for sslmode=allow and prefer.
func encryptedEntries(config *pgx.ConnConfig) ([]*pgconn.FallbackConfig, error) {
	all := append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	var entries []*pgconn.FallbackConfig
	same := func(a *pgconn.FallbackConfig) func(*pgconn.FallbackConfig) bool {
		return func(b *pgconn.FallbackConfig) bool { return a.Host == b.Host && a.Port == b.Port }
	}
	for _, entry := range all {
		if entry.TLSConfig != nil && !slices.ContainsFunc(entries, same(entry)) {
			entries = append(entries, entry)
		}
	}
	for _, entry := range all {
		if strings.HasPrefix(entry.Host, "/") || strings.HasPrefix(entry.Host, "@") || strings.Contains(entry.Host, `:\`) {
			return nil, &rdsiam.ConfigError{Setting: "host", Value: entry.Host, Problem: "is a unix socket, which pgx takes where no host is named; RDS has none",
				Mend: "name the endpoint in the DSN or in PGHOST"}
		}
		if len(entries) == 0 {
			return nil, &rdsiam.ConfigError{Setting: "sslmode", Value: "disable", Problem: "would send the token to " + entry.Host + " in clear text",
				Mend: "remove sslmode from the DSN and PGSSLMODE from the environment, or set them to verify-full; if Host was set after pgx.ParseConfig, name it in the DSN"}
		}
		if !slices.ContainsFunc(entries, same(entry)) {
			return nil, &rdsiam.ConfigError{Setting: "pgx.ConnConfig.Fallbacks", Value: entry.Host, Problem: "has no TLS, and is not the plaintext twin of an entry with TLS, which would be dropped",
				Mend: "name all hosts in the DSN; if Host was set after pgx.ParseConfig, set TLSConfig to an empty tls.Config and Fallbacks to nil with it"}
		}
	}
	return entries, nil
}

func prepareHost(entry *pgconn.FallbackConfig, earlier *installation, options []rdsiam.EndpointOption) (host, error) {
	address := net.JoinHostPort(entry.Host, strconv.Itoa(int(entry.Port)))
	endpoint, err := rdsiam.ResolveEndpoint(address, defaultPort, options...)
	if err != nil {
		return host{}, err
	}
	prepared := host{name: entry.Host, port: entry.Port, endpoint: endpoint, given: earlier.givenFor(entry.TLSConfig)}
	prepared.tls, err = endpoint.TLSConfig(withoutVerifyCA(prepared.given))
	return prepared, err
}

// withoutVerifyCA drops the callback with which pgx verifies for sslmode=verify-ca. It
// checks the chain against roots of its own, those of the system where none were given,
// and would refuse the certificates of RDS. Full verification takes its place. A
// callback of the caller's stays.
func withoutVerifyCA(given *tls.Config) *tls.Config {
	if !given.InsecureSkipVerify || given.VerifyPeerCertificate == nil {
		return given
	}
	callback := runtime.FuncForPC(reflect.ValueOf(given.VerifyPeerCertificate).Pointer())
	if callback == nil || !strings.HasPrefix(callback.Name(), "github.com/jackc/pgx/v5/pgconn.") {
		return given
	}
	given = given.Clone()
	given.VerifyPeerCertificate = nil
	return given
}

// check refuses users that no server accepts, and hosts that cannot be told apart.
func (i *installation) check() error {
	if err := i.login(i.hosts[0]).Validate(); err != nil {
		return err
	}
	if len(i.user) > maxUser {
		return &rdsiam.ConfigError{Setting: "user", Value: i.user[:maxUser] + "…",
			Problem: "has " + strconv.Itoa(len(i.user)) + " bytes, and PostgreSQL cuts names to " + strconv.Itoa(maxUser),
			Mend:    "name the role as the database spells it"}
	}
	for n, one := range i.hosts {
		for _, other := range i.hosts[:n] {
			if one.endpoint.String() == other.endpoint.String() {
				return &rdsiam.ConfigError{Setting: "host", Value: other.name + "," + one.name,
					Problem: "both stand for " + one.endpoint.String() + "; rdsiam.WithEndpoint does not fit several hosts",
					Mend:    "name one host"}
			}
		}
	}
	return nil
}

// apply puts into config what prepare has found. Only fields of config itself change.
// The TLS configurations are copies, since the caller may change what config has.
func (i *installation) apply(config *pgx.ConnConfig) {
	first := i.hosts[0]
	config.Host, config.Port, config.TLSConfig = first.name, first.port, first.tls.Clone()
	config.Fallbacks = nil
	for _, next := range i.hosts[1:] {
		config.Fallbacks = append(config.Fallbacks, &pgconn.FallbackConfig{Host: next.name, Port: next.port, TLSConfig: next.tls.Clone()})
	}
	config.Password = ""
	config.AfterNetConnect = i.afterNetConnectOfCaller
	if config.RequireAuth == "" && !allProxies(i.hosts) {
		// RDS asks roles outside rds_iam for a password by SCRAM or MD5. The token
		// is none, and a proof made of it is no business of the server's.
		config.RequireAuth = "password"
	}
}

func allProxies(hosts []host) bool {
	return !slices.ContainsFunc(hosts, func(h host) bool {
		return h.endpoint.Kind() != rdsiam.KindProxy && h.endpoint.Kind() != rdsiam.KindProxyEndpoint
	})
}
