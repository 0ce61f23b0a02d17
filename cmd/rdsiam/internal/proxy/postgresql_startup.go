package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	maxStartup = 10_000 // what PostgreSQL takes

	cancelRequest = 80877102
	sslRequest    = 80877103
	gssEncRequest = 80877104

	newestMinor = 2 // of protocol 3
)

// startup is how a client begins: either with a request to cancel what another one does,
// or with parameters.
type startup struct {
	cancel     *pgproto3.CancelRequest
	parameters map[string]string
	unknown    *pgproto3.NegotiateProtocolVersion // what the client asks for and does not get, nil for nothing
}

var errNoStartup = errors.New("the client does not speak PostgreSQL's protocol without TLS; if it insists on TLS, set sslmode=disable: between the client and the proxy nothing leaves this machine")

// readStartup reads what a client sends first, and not a byte more. It declines encryption,
// which most clients ask for first.
func readStartup(client io.ReadWriter) (startup, error) {
	for range 3 { // a client may ask once for each kind of encryption
		packet, err := readStartupPacket(client)
		if err != nil {
			return startup{}, err
		}
		switch code := binary.BigEndian.Uint32(packet); code {
		case sslRequest, gssEncRequest:
			if _, err := client.Write([]byte{'N'}); err != nil {
				return startup{}, err
			}
		case cancelRequest:
			request := new(pgproto3.CancelRequest)
			if err := request.Decode(packet); err != nil {
				return startup{}, errNoStartup
			}
			return startup{cancel: request}, nil
		default:
			return parseStartup(code, packet)
		}
	}
	return startup{}, errNoStartup
}

// readStartupPacket reads a length, which counts itself, and what follows of it.
func readStartupPacket(client io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(client, length[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(length[:])
	if size < 8 || size > maxStartup {
		return nil, errNoStartup
	}
	packet := make([]byte, size-4)
	_, err := io.ReadFull(client, packet)
	return packet, err
}

// parseStartup parses a start-up message, of which packet is everything but the length.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
func parseStartup(version uint32, packet []byte) (startup, error) {
	major, minor := version>>16, version&0xffff
	if major != 3 {
		return startup{}, fmt.Errorf("the client speaks version %d.%d of PostgreSQL's protocol, and the proxy 3", major, minor)
	}
	// The versions differ in nothing that is in this message.
	binary.BigEndian.PutUint32(packet, pgproto3.ProtocolVersion30)
	var message pgproto3.StartupMessage
	if err := message.Decode(packet); err != nil {
		return startup{}, errNoStartup
	}
	var unknown []string
	for name := range message.Parameters {
		if strings.HasPrefix(name, "_pq_.") {
			unknown = append(unknown, name)
			delete(message.Parameters, name)
		}
	}
	s := startup{parameters: message.Parameters}
	if minor > newestMinor || len(unknown) > 0 {
		slices.Sort(unknown)
		// Servers send the whole version where the manual says minor, and clients insist on that.
		s.unknown = &pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 3<<16 | min(minor, newestMinor), UnrecognizedOptions: unknown}
	}
	return s, nil
}
