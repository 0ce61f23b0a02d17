package rdsiamtest

import (
	"io"
	"time"
)

// splice passes bytes between the client and the upstream until one of them
// goes or the client asks for another account.
func (f *mysqlFront) splice() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(f.stream(), f.upstream.conn)
		// Ends the reading of commands. The client can still be told why.
		f.conn.SetReadDeadline(time.Now())
	}()
	changeUser := relayMySQLCommands(f.upstream.conn, f.stream())
	f.conn.SetWriteDeadline(time.Now().Add(mysqlFarewell))
	f.upstream.close()
	<-done
	if changeUser != nil {
		f.refuseChangeUser(changeUser)
	}
}

// relayMySQLCommands passes the client's packets on. It returns nil when a side
// has gone, or the beginning of a COM_CHANGE_USER that it did not pass on.
func relayMySQLCommands(upstream io.Writer, client io.Reader) (changeUser []byte) {
	buffer := make([]byte, 32<<10)
	var previous mysqlHeader
	for {
		header, err := readMySQLHeader(client)
		if err != nil {
			return nil
		}
		start := min(header.length, len(buffer)-4)
		packet := append(buffer[:0], byte(header.length), byte(header.length>>8), byte(header.length>>16), header.sequence)
		packet = packet[:4+start]
		if _, err := io.ReadFull(client, packet[4:]); err != nil {
			return nil
		}
		if header.startsCommand(previous) && start > 0 && packet[4] == mysqlChangeUser {
			return packet[4:]
		}
		if _, err := upstream.Write(packet); err != nil {
			return nil
		}
		if _, err := io.CopyN(upstream, client, int64(header.length-start)); err != nil {
			return nil
		}
		previous = header
	}
}

// startsCommand tells a command from the other packets of a client: the further
// parts of a long one, and the files of LOAD DATA LOCAL, whose numbers can come
// round to zero. The upstream drops a client that lies about numbers.
func (h mysqlHeader) startsCommand(previous mysqlHeader) bool {
	cameRound := previous.sequence == 255 && previous.length > 0
	return h.sequence == 0 && !cameRound
}
