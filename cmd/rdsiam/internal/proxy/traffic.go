package proxy

import "errors"

// traffic follows what a client that is logged in and the server say to each other, as far
// as it takes to know whether anything runs. It is not safe for concurrent use.
type traffic interface {
	// fromClient and fromServer are told all bytes, in the order in which they are passed
	// on, and before. fromClient may replace some. On an error only the first passed bytes
	// may be passed on.
	fromClient(b []byte) (passed int, err error)
	fromServer(b []byte)

	// idle reports whether the client waits for nothing and has no transaction open, so
	// that ending the session interrupts nothing.
	idle() bool

	// farewell is what client and server are told when the proxy ends an idle session.
	farewell() (toClient, toServer []byte)

	// refusal is what the client is told after an error of fromClient.
	refusal(err error) []byte
}

var (
	errMalformed  = errors.New("the client sent something that is not of the protocol")
	errChangeUser = errors.New("the client asked for another account on an open connection, which this proxy does not allow")
)
