package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// soon is when the end of a certificate is worth a word. RDS renews those of its present
// authorities by itself, well before.
const soon = 14 * 24 * time.Hour

// errNoTLS means that the server has none.
var errNoTLS = errors.New("the server offers no TLS")

// checkTLS opens TLS as the protocol of the engine does and verifies the server as a
// login would.
func checkTLS(ctx context.Context, c *chart) Result {
	if !c.reached {
		return skipped("because of tcp: there is no connection")
	}
	if c.endpoint.IsZero() {
		return c.unverifiable(ctx)
	}
	config, err := c.endpoint.TLSConfig(nil)
	if err != nil {
		var setting *rdsiam.ConfigError
		if errors.As(err, &setting) {
			own := errortext.Config(setting)
			return failed("%s", own.Problem).fix(own.Fix, c.withRootCAs("FILE"))
		}
		return failed("%v", err)
	}
	state, err := c.handshake(ctx, config)
	if err != nil {
		if ctx.Err() != nil {
			return c.explainSilence()
		}
		return c.explainTLS(err)
	}
	c.secure = true
	return c.describeTLS(state)
}

// explainSilence is for a server that accepts connections and says nothing on them.
func (c *chart) explainSilence() Result {
	result := failed("%s accepts the connection and stays silent", c.dialed)
	if c.Engine == MySQL {
		return result.fix("a server of MySQL speaks first and one of PostgreSQL waits: check the port and --engine; "+
			"or a tunnel, load balancer or firewall accepts in the place of a database that it does not reach", c.dialing("HOST:PORT"))
	}
	return result.fix("the database hangs, or a tunnel, load balancer or firewall accepts in its place and does not reach it: dial another way", c.dialing("HOST:PORT"))
}

func (c *chart) describeTLS(state tls.ConnectionState) Result {
	leaf := state.PeerCertificates[0]
	root := state.VerifiedChains[0][len(state.VerifiedChains[0])-1]
	text := fmt.Sprintf("%s, certificate until %s, authority %q",
		tls.VersionName(state.Version), leaf.NotAfter.Format(time.DateOnly), root.Subject.CommonName)
	if time.Until(leaf.NotAfter) < soon {
		return warning("%s", text).fix("the certificate ends soon: have RDS issue a new one in the next maintenance window, or now",
			c.newCertificate(false))
	}
	return found("%s", text)
}

// unverifiable looks which name the server has, where the one given cannot be signed. No
// token is sent on that connection.
func (c *chart) unverifiable(ctx context.Context) Result {
	because := "because of endpoint: there is no name to verify"
	state, err := c.handshake(ctx, &tls.Config{InsecureSkipVerify: true, ServerName: c.dialedHost()})
	if err != nil {
		return skipped("%s", because)
	}
	name := c.rdsName(state.PeerCertificates[0])
	if name == "" || name == hostOf(c.Endpoint) {
		return skipped("%s", because)
	}
	return warning("the server calls itself %s", name).
		fix("name it, and dial this address", c.commandLine().at(withPort(name, c.DefaultPort), c.dialed).String())
}

// rdsName returns the first name of a certificate for which a token can be signed.
func (c *chart) rdsName(certificate *x509.Certificate) string {
	for _, name := range certificate.DNSNames {
		if endpoint, err := rdsiam.ResolveEndpoint(name, c.DefaultPort); err == nil {
			return endpoint.Host()
		}
	}
	return ""
}

func (c *chart) explainTLS(err error) Result {
	if errors.Is(err, errNoTLS) {
		return c.explainNoTLS()
	}
	var refusal mysqlwire.Error
	if errors.As(err, &refusal) {
		return c.explainGreeting(refusal)
	}
	var described *rdsiam.CertificateError
	if !errors.As(c.endpoint.DescribeCertificateError(err, nil), &described) {
		return failed("the TLS handshake failed: %v", cause(err)).
			fix("something that is not the database answers, or cuts TLS: see who it is", c.showCertificates())
	}
	var (
		verification *tls.CertificateVerificationError
		name         x509.HostnameError
		invalid      x509.CertificateInvalidError
		shown        *x509.Certificate
	)
	if errors.As(err, &verification) && len(verification.UnverifiedCertificates) > 0 {
		shown = verification.UnverifiedCertificates[0]
	}
	result := failed("the certificate is not trusted: trusted are %s", c.trustedRoots(described))
	switch {
	case errors.As(err, &name):
		return c.explainName(name.Certificate)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && shown != nil:
		return failed("the certificate is good from %s to %s, and it is %s by this clock", shown.NotBefore.Format(time.DateOnly),
			shown.NotAfter.Format(time.DateOnly), time.Now().UTC().Format(time.DateOnly)).
			fix("if the clock is right, have RDS issue a new certificate",
				c.newCertificate(true))
	}
	if shown != nil {
		result.Found += fmt.Sprintf("; shown is one by %q", shown.Issuer.CommonName)
	}
	return result.fix(c.trustFix(shown))
}

// explainGreeting says what an error of MySQL in place of its greeting means. All that it
// knows then is where the client comes from, and how many there are.
func (c *chart) explainGreeting(refusal mysqlwire.Error) Result {
	result := failed("the server ends the connection before TLS: %v", refusal)
	explanation := errortext.Explanation(rdsiam.Login{Endpoint: c.endpoint, User: c.User}.Explain(refusal))
	if len(explanation.Causes) == 0 {
		return result.fix("try again; if it stays, see the log of the server", c.commandLine().String())
	}
	likeliest := explanation.Causes[0]
	result.Code = likeliest.Code
	result.Found += ": " + likeliest.Text
	return result.fix(likeliest.Fix, c.command(likeliest))
}

// trustFix tells what may be wrong with an authority from who it is.
func (c *chart) trustFix(shown *x509.Certificate) (fix, command string) {
	issuer := ""
	if shown != nil {
		issuer = shown.Issuer.CommonName
	}
	proxy := isProxy(c.endpoint)
	switch {
	case c.RootCAs == nil && c.Local != nil:
		return "rdsiam local has an authority of its own: name its file", c.withRootCAs(c.Local.RootCAsFile)
	case c.RootCAs != nil:
		return c.RootCAsFile + " lacks the authority of this server: leave --root-cas out, or add it", c.withRootCAs("")
	case strings.HasPrefix(issuer, "Amazon RDS ") && proxy:
		return "that is an instance or cluster, and no proxy: name its own endpoint", c.awsCommand("rds describe-db-instances", "--query 'DBInstances[].Endpoint'")
	case strings.HasPrefix(issuer, "Amazon "):
		return "that is a public certificate, as RDS Proxy has: name the proxy's endpoint", c.awsCommand("rds describe-db-proxies", "--query 'DBProxies[].Endpoint'")
	case proxy:
		return "install the CA certificates of the system; something that opens TLS on the way gives the same error", "apt-get install ca-certificates"
	}
	return "no authority of RDS: another server answers, something opens TLS on the way, or the server has an authority of its own, which --root-cas names; see who it is",
		c.showCertificates()
}

func (c *chart) withRootCAs(file string) string {
	line := c.commandLine()
	line.rootCAs = file
	return line.String()
}

func (c *chart) explainName(shown *x509.Certificate) Result {
	result := failed("the certificate is for %s and not for %s", strings.Join(shown.DNSNames, ", "), c.endpoint.Host())
	if name := c.rdsName(shown); name != "" {
		return result.fix("another database answers: name that one, or dial the right one", c.commandLine().at(withPort(name, c.DefaultPort), c.dialed).String())
	}
	return result.fix(c.nameFix(), c.showCertificates())
}

// nameFix says what to do where a server has another name than the endpoint.
func (c *chart) nameFix() string {
	switch {
	case c.Dial != "":
		return "make the tunnel or alias lead to " + c.endpoint.Host() + ", or name the endpoint that it leads to as ENDPOINT"
	case c.endpoint.Kind() == rdsiam.KindOther:
		return "name the RDS endpoint behind this name as ENDPOINT, and dial this one with --dial"
	}
	return "check where the name resolves to from here: another server answers"
}

// trustedRoots says where the trusted authorities come from.
func (c *chart) trustedRoots(described *rdsiam.CertificateError) string {
	if c.RootCAs != nil {
		return "the roots given with --root-cas"
	}
	return described.Roots
}

func (c *chart) explainNoTLS() Result {
	result := failed("the server offers no TLS, and a token is never sent without")
	if c.Engine == MySQL {
		return result.fix("RDS always offers it: another server answers; see where the name leads", "nslookup "+c.dialedHost())
	}
	return result.fix("another server answers, or the parameter ssl of RDS is off; turn it on and reboot the instance",
		c.awsCommand("rds modify-db-parameter-group", "--db-parameter-group-name GROUP", "--parameters ParameterName=ssl,ParameterValue=1,ApplyMethod=pending-reboot"))
}

func (c *chart) showCertificates() string {
	protocol := "postgres"
	if c.Engine == MySQL {
		protocol = "mysql"
	}
	return "openssl s_client -connect " + c.dialed + " -starttls " + protocol + " -showcerts </dev/null"
}

// handshake says what openTLS came to.
func (c *chart) handshake(ctx context.Context, config *tls.Config) (tls.ConnectionState, error) {
	conn, err := c.openTLS(ctx, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

// openTLS dials, asks for TLS and verifies the server.
func (c *chart) openTLS(ctx context.Context, config *tls.Config) (*tls.Conn, error) {
	conn, err := c.Network.DialContext(ctx, "tcp", c.dialed)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	ask := askPostgreSQL
	if c.Engine == MySQL {
		ask = askMySQL
	}
	encrypted := tls.Client(conn, config)
	if err = ask(conn); err == nil {
		err = encrypted.HandshakeContext(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return encrypted, nil
}

// askPostgreSQL sends an SSLRequest:
// https://www.postgresql.org/docs/current/protocol-message-formats.html
func askPostgreSQL(conn net.Conn) error {
	if _, err := conn.Write([]byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	switch answer[0] {
	case 'S':
		return nil
	case 'N':
		return errNoTLS
	}
	return errors.New("it does not speak the protocol of PostgreSQL")
}

// askMySQL reads the greeting and answers with an SSLRequest.
func askMySQL(conn net.Conn) error {
	server, err := mysqlwire.NewClient(conn)
	if err != nil {
		return err
	}
	if !server.Greeting.Capabilities.Has(mysqlwire.ClientSSL) {
		return errNoTLS
	}
	packets := mysqlwire.Packets{Stream: conn, Sequence: 1}
	return packets.Write(newMySQLResponse().EncodeSSLRequest())
}
