package mysqlwire

// Capabilities are the flags by which client and server agree on the protocol:
// https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html
type Capabilities uint32

// The flags that something here, or a server that uses this package, looks at.
const (
	ClientLongPassword      Capabilities = 1 << 0 // in MariaDB: "not MariaDB's extended protocol"
	ClientFoundRows         Capabilities = 1 << 1
	ClientLongFlag          Capabilities = 1 << 2
	ClientConnectWithDB     Capabilities = 1 << 3
	ClientCompress          Capabilities = 1 << 5
	ClientODBC              Capabilities = 1 << 6
	ClientIgnoreSpace       Capabilities = 1 << 8
	ClientProtocol41        Capabilities = 1 << 9
	ClientInteractive       Capabilities = 1 << 10
	ClientSSL               Capabilities = 1 << 11
	ClientIgnoreSIGPIPE     Capabilities = 1 << 12
	ClientTransactions      Capabilities = 1 << 13
	ClientSecureConnection  Capabilities = 1 << 15
	ClientMultiResults      Capabilities = 1 << 17
	ClientPSMultiResults    Capabilities = 1 << 18
	ClientPluginAuth        Capabilities = 1 << 19
	ClientConnectAttributes Capabilities = 1 << 20
	ClientLongAnswer        Capabilities = 1 << 21 // CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
	ClientDeprecateEOF      Capabilities = 1 << 24
	ClientZstd              Capabilities = 1 << 26
	ClientMultiFactor       Capabilities = 1 << 28
)

// unrelayed are those of a server that clients of a front are not offered: the
// first two would hide commands from the front, TLS is the front's own, and the
// login has one factor.
const unrelayed = ClientCompress | ClientZstd | ClientSSL | ClientMultiFactor

// needed is what a login here can't do without.
const needed = ClientProtocol41 | ClientSecureConnection | ClientPluginAuth

// Has reports whether all of flags are set.
func (c Capabilities) Has(flags Capabilities) bool { return c&flags == flags }

// The authentication plugins that both ends know.
const (
	NativePassword = "mysql_native_password"
	CachingSHA2    = "caching_sha2_password"
	ClearPassword  = "mysql_clear_password"
)
