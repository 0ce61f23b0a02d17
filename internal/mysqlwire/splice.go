package mysqlwire

import (
	"io"
	"net"
	"time"
)

// Splice passes bytes between a client that is logged in and the server that it
// was logged in at, until one of them goes or the client asks for another account
// with COM_CHANGE_USER: a session that was checked for one account must not
// become another's. That command is not passed on, its beginning is returned, and
// the client can still be told why ([ChangedUser], [Packets]). Splice closes
// upstream.
func Splice(client, upstream net.Conn) (changeUser []byte) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(client, upstream)
		client.SetReadDeadline(time.Now()) // ends the reading of commands
	}()
	changeUser = relayCommands(upstream, client)
	client.SetWriteDeadline(time.Now().Add(farewell))
	// A server may say something when its client goes. It is not for the client,
	// so nothing is passed on any more when upstream is closed.
	upstream.SetReadDeadline(time.Now())
	<-done
	upstream.Close()
	return changeUser
}

// farewell bounds the sending of the last packets to a client that may not be
// reading.
const farewell = 5 * time.Second

// ChangedUser returns the account that a COM_CHANGE_USER names.
func ChangedUser(command []byte) string {
	f := Fields{Rest: command}
	f.Bytes(1)
	return f.Terminated()
}
