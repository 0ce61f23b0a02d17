package rdsiamtest

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// mysqlCapabilities are the flags by which client and server agree on the
// protocol:
// https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html
type mysqlCapabilities uint32

const (
	mysqlLongPassword      mysqlCapabilities = 1 << 0 // in MariaDB: "not MariaDB's extended protocol"
	mysqlFoundRows         mysqlCapabilities = 1 << 1
	mysqlLongFlag          mysqlCapabilities = 1 << 2
	mysqlConnectWithDB     mysqlCapabilities = 1 << 3
	mysqlCompress          mysqlCapabilities = 1 << 5
	mysqlODBC              mysqlCapabilities = 1 << 6
	mysqlIgnoreSpace       mysqlCapabilities = 1 << 8
	mysqlProtocol41        mysqlCapabilities = 1 << 9
	mysqlInteractive       mysqlCapabilities = 1 << 10
	mysqlSSL               mysqlCapabilities = 1 << 11
	mysqlIgnoreSIGPIPE     mysqlCapabilities = 1 << 12
	mysqlTransactions      mysqlCapabilities = 1 << 13
	mysqlSecureConnection  mysqlCapabilities = 1 << 15
	mysqlMultiResults      mysqlCapabilities = 1 << 17
	mysqlPSMultiResults    mysqlCapabilities = 1 << 18
	mysqlPluginAuth        mysqlCapabilities = 1 << 19
	mysqlConnectAttributes mysqlCapabilities = 1 << 20
	mysqlLongAuthAnswer    mysqlCapabilities = 1 << 21 // CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
	mysqlDeprecateEOF      mysqlCapabilities = 1 << 24
	mysqlZstd              mysqlCapabilities = 1 << 26
	mysqlMultiFactor       mysqlCapabilities = 1 << 28

	// mysqlOwnCapabilities are those of the statements that rdsiamtest answers
	// itself.
	mysqlOwnCapabilities = mysqlLongPassword | mysqlFoundRows | mysqlLongFlag | mysqlConnectWithDB | mysqlODBC |
		mysqlIgnoreSpace | mysqlProtocol41 | mysqlInteractive | mysqlIgnoreSIGPIPE | mysqlTransactions |
		mysqlSecureConnection | mysqlMultiResults | mysqlPSMultiResults | mysqlPluginAuth |
		mysqlConnectAttributes | mysqlLongAuthAnswer | mysqlDeprecateEOF
)

func (c mysqlCapabilities) has(flags mysqlCapabilities) bool { return c&flags == flags }

const (
	mysqlClearPassword  = "mysql_clear_password"
	mysqlNativePassword = "mysql_native_password"
	mysqlCachingSHA2    = "caching_sha2_password"

	mysqlScrambleSize = 20
)

// mysqlGreeting is the first packet, from the server:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
type mysqlGreeting struct {
	version      string
	connectionID uint32
	scramble     []byte
	capabilities mysqlCapabilities
	collation    byte
	status       mysqlStatus
	plugin       string
}

func (g mysqlGreeting) encode() []byte {
	b := appendMySQLTerminated([]byte{10}, g.version)
	b = binary.LittleEndian.AppendUint32(b, g.connectionID)
	b = append(b, g.scramble[:8]...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(g.capabilities))
	b = append(b, g.collation)
	b = binary.LittleEndian.AppendUint16(b, uint16(g.status))
	b = binary.LittleEndian.AppendUint16(b, uint16(g.capabilities>>16))
	b = append(b, mysqlScrambleSize+1)
	b = append(b, make([]byte, 10)...)
	b = appendMySQLTerminated(b, string(g.scramble[8:]))
	return appendMySQLTerminated(b, g.plugin)
}

func parseMySQLGreeting(payload []byte) (mysqlGreeting, error) {
	f := mysqlFields{rest: payload}
	if protocol := f.uint(1); !f.malformed && protocol != 10 {
		return mysqlGreeting{}, fmt.Errorf("%w: protocol version %d, want 10", errMySQLMalformed, protocol)
	}
	g := mysqlGreeting{version: f.terminated(), connectionID: uint32(f.uint(4))}
	scramble := f.bytes(8)
	f.bytes(1)
	g.capabilities = mysqlCapabilities(f.uint(2))
	g.collation = byte(f.uint(1))
	g.status = mysqlStatus(f.uint(2))
	g.capabilities |= mysqlCapabilities(f.uint(2)) << 16
	f.bytes(11)
	g.scramble = append(append(g.scramble, scramble...), f.bytes(mysqlScrambleSize-8)...)
	f.bytes(1)
	if needed := mysqlProtocol41 | mysqlSecureConnection | mysqlPluginAuth; !f.malformed && !g.capabilities.has(needed) {
		return mysqlGreeting{}, fmt.Errorf("%w: the server %q is too old, it lacks CLIENT_PLUGIN_AUTH", errMySQLMalformed, g.version)
	}
	g.plugin = f.terminated()
	return g, f.err()
}

// newMySQLScramble returns the random bytes that a password is mixed with: as
// in MySQL 7-bit characters without NUL, which ends the field, and '$'.
func newMySQLScramble() []byte {
	scramble := make([]byte, mysqlScrambleSize)
	rand.Read(scramble)
	for i, b := range scramble {
		b &= 0x7f
		if b == 0 || b == '$' {
			b++
		}
		scramble[i] = b
	}
	return scramble
}

// mysqlResponse is the client's reply to the greeting:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html
type mysqlResponse struct {
	capabilities mysqlCapabilities
	maxPacket    uint32
	collation    byte
	user         string
	answer       []byte // of the authentication plugin
	database     string
	plugin       string
	attributes   []byte // encoded keys and values
}

func (r mysqlResponse) encode() []byte {
	b := r.encodeSSLRequest()
	b = appendMySQLTerminated(b, r.user)
	if r.capabilities.has(mysqlLongAuthAnswer) {
		b = appendMySQLString(b, r.answer)
	} else {
		b = append(append(b, byte(len(r.answer))), r.answer...)
	}
	if r.capabilities.has(mysqlConnectWithDB) {
		b = appendMySQLTerminated(b, r.database)
	}
	if r.capabilities.has(mysqlPluginAuth) {
		b = appendMySQLTerminated(b, r.plugin)
	}
	if r.capabilities.has(mysqlConnectAttributes) {
		b = appendMySQLString(b, r.attributes)
	}
	return b
}

func (r mysqlResponse) encodeSSLRequest() []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(r.capabilities))
	b = binary.LittleEndian.AppendUint32(b, r.maxPacket)
	b = append(b, r.collation)
	return append(b, make([]byte, 23)...)
}

// parseMySQLSSLRequest parses the first 32 bytes of a response.
func parseMySQLSSLRequest(f *mysqlFields, offered mysqlCapabilities) (mysqlResponse, error) {
	r := mysqlResponse{
		capabilities: mysqlCapabilities(f.uint(4)) & offered,
		maxPacket:    uint32(f.uint(4)),
		collation:    byte(f.uint(1)),
	}
	f.bytes(23)
	if !f.malformed && !r.capabilities.has(mysqlProtocol41|mysqlSecureConnection) {
		return r, fmt.Errorf("%w: the client speaks a protocol older than that of MySQL 4.1", errMySQLMalformed)
	}
	return r, f.err()
}

// parseMySQLResponse parses a whole response. Flags that the server did not
// offer count as not sent.
func parseMySQLResponse(payload []byte, offered mysqlCapabilities) (mysqlResponse, error) {
	f := mysqlFields{rest: payload}
	r, err := parseMySQLSSLRequest(&f, offered)
	if err != nil {
		return r, err
	}
	r.user = f.terminated()
	if r.capabilities.has(mysqlLongAuthAnswer) {
		r.answer = f.lengthEncoded()
	} else {
		r.answer = f.bytes(f.uint(1))
	}
	if r.capabilities.has(mysqlConnectWithDB) {
		r.database = f.terminated()
	}
	r.plugin = mysqlNativePassword
	if r.capabilities.has(mysqlPluginAuth) {
		r.plugin = f.terminated()
	}
	if r.capabilities.has(mysqlConnectAttributes) {
		r.attributes = f.lengthEncoded()
	}
	return r, f.err()
}
