package pgrelay

import (
	"io"
	"net"
	"sync"
)

// ReadFrom returns conn, read by way of r: the reader that [pgconn.Config.BuildFrontend]
// was given. pgconn may still be reading in the background when it hands its
// connection over, which it does after a slow write, and only r knows what it gets.
//
// [pgconn.Config.BuildFrontend]: https://pkg.go.dev/github.com/jackc/pgx/v5/pgconn#Config
func ReadFrom(r io.Reader, conn net.Conn) net.Conn { return readConn{conn, r} }

type readConn struct {
	net.Conn
	reader io.Reader
}

func (c readConn) Read(b []byte) (int, error) { return c.reader.Read(b) }

// Splice passes bytes between a client that is logged in and the server that it
// was logged in at until one of them ends, and closes both.
func Splice(client, upstream net.Conn) {
	var both sync.WaitGroup
	both.Go(func() {
		io.Copy(upstream, client)
		upstream.Close()
	})
	io.Copy(client, upstream)
	client.Close()
	both.Wait()
}
