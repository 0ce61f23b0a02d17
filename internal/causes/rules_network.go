package causes

// networkRules are what goes wrong before a server answers.
var networkRules = []rule{
	{
		is:     isWrongName,
		causes: []string{CertificateName},
	},
	{
		is:     isUnknownAuthority,
		causes: []string{CertificateAuthority},
	},
	{
		is:     isOutsideDates,
		causes: []string{CertificateExpired},
	},
	{
		is: isVerification, texts: []string{"x509:", "failed to verify certificate"},
		causes: []string{Certificate},
	},
	{
		texts: []string{"server refused tls connection",
			"tls requested but server does not support tls"},
		causes: []string{NoTLS},
	},
	{
		is: isNoHost, texts: []string{"no such host"},
		causes:    []string{NoHost},
		retryable: true,
	},
	{
		is: isLookup, texts: []string{"hostname resolving error", "dial tcp: lookup", "read udp"},
		causes:    []string{Resolver},
		retryable: true,
	},
	{
		is: isRefused, texts: []string{"connection refused"},
		causes:    []string{NotListening},
		retryable: true,
	},
	{
		hungUp:    true,
		causes:    []string{Cut},
		retryable: true,
	},
	{
		is: isReset,
		texts: []string{"connection reset by peer", "broken pipe",
			"forcibly closed by the remote host"},
		causes:    []string{Cut},
		retryable: true,
	},
	{
		// All that go-sql-driver/mysql says of a connection that ended, and of one whose
		// readTimeout did.
		texts:     []string{"invalid connection"},
		causes:    []string{Cut, Stalled},
		retryable: true,
	},
	{
		is:        isBadConn,
		causes:    []string{RejectedReadOnly, Cut},
		retryable: true,
	},
	{
		// With several hosts, pgx is in AfterNetConnect while rdspgx makes the handshake.
		texts: []string{"tls error: timeout", "afternetconnect failed: timeout",
			"failed to write startup message: timeout", "failed to receive message: timeout"},
		causes:    []string{Stalled},
		retryable: true,
	},
	{
		texts:     []string{"dial error", "dial tcp"},
		causes:    []string{NoAnswer},
		retryable: true,
	},
	{
		texts:     []string{"i/o timeout"}, // of a connection: those on the way to one are above
		causes:    []string{Stalled},
		retryable: true,
	},
	{
		texts:     []string{"context deadline exceeded", "timeout:"},
		causes:    []string{Deadline},
		retryable: true,
	},
}
