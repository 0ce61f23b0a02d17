package mysqlwire

import (
	"encoding/binary"
	"fmt"
)

// Response is the client's reply to the greeting:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html
type Response struct {
	Capabilities Capabilities
	MaxPacket    uint32
	Collation    byte
	User         string
	Answer       []byte // of the authentication plugin
	Database     string
	Plugin       string
	Attributes   []byte // encoded keys and values
}

// Encode returns the payload of the packet.
func (r Response) Encode() []byte {
	b := r.EncodeSSLRequest()
	b = AppendTerminated(b, r.User)
	if r.Capabilities.Has(ClientLongAnswer) {
		b = AppendString(b, r.Answer)
	} else {
		b = append(append(b, byte(len(r.Answer))), r.Answer...)
	}
	if r.Capabilities.Has(ClientConnectWithDB) {
		b = AppendTerminated(b, r.Database)
	}
	if r.Capabilities.Has(ClientPluginAuth) {
		b = AppendTerminated(b, r.Plugin)
	}
	if r.Capabilities.Has(ClientConnectAttributes) {
		b = AppendString(b, r.Attributes)
	}
	return b
}

// EncodeSSLRequest returns the beginning of the response, which a client sends
// alone to ask for TLS.
func (r Response) EncodeSSLRequest() []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(r.Capabilities))
	b = binary.LittleEndian.AppendUint32(b, r.MaxPacket)
	b = append(b, r.Collation)
	return append(b, make([]byte, 23)...)
}

// parseSSLRequest parses the first 32 bytes of a response.
func parseSSLRequest(f *Fields, offered Capabilities) (Response, error) {
	r := Response{
		Capabilities: Capabilities(f.Uint(4)) & offered,
		MaxPacket:    uint32(f.Uint(4)),
		Collation:    byte(f.Uint(1)),
	}
	f.Bytes(23)
	if !f.Malformed && !r.Capabilities.Has(ClientProtocol41|ClientSecureConnection) {
		return r, fmt.Errorf("%w: the client speaks a protocol older than that of MySQL 4.1", ErrMalformed)
	}
	return r, f.Err()
}

// ParseResponse parses the payload of the packet. Flags that the server did not
// offer count as not sent.
func ParseResponse(payload []byte, offered Capabilities) (Response, error) {
	f := Fields{Rest: payload}
	r, err := parseSSLRequest(&f, offered)
	if err != nil {
		return r, err
	}
	r.User = f.Terminated()
	if r.Capabilities.Has(ClientLongAnswer) {
		r.Answer = f.LengthEncoded()
	} else {
		r.Answer = f.Bytes(f.Uint(1))
	}
	if r.Capabilities.Has(ClientConnectWithDB) {
		r.Database = f.Terminated()
	}
	r.Plugin = NativePassword
	if r.Capabilities.Has(ClientPluginAuth) {
		r.Plugin = f.Terminated()
	}
	if r.Capabilities.Has(ClientConnectAttributes) {
		r.Attributes = f.LengthEncoded()
	}
	return r, f.Err()
}
