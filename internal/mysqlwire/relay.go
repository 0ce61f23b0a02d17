package mysqlwire

import "io"

// CommandChangeUser is the first byte of COM_CHANGE_USER.
const CommandChangeUser = 0x11

// relayCommands passes the client's packets on. It returns nil when a side has
// gone, or the beginning of a COM_CHANGE_USER that it did not pass on.
func relayCommands(upstream io.Writer, client io.Reader) (changeUser []byte) {
	relay := relay{buffer: make([]byte, 64<<10)}
	for {
		n, err := client.Read(relay.buffer[relay.filled:])
		relay.filled += n
		passed := relay.scan()
		if passed > 0 { // a pipe waits for the reader of nothing, too
			if _, err := upstream.Write(relay.buffer[:passed]); err != nil {
				return nil
			}
		}
		relay.drop(passed)
		if relay.refused {
			return relay.command(client)
		}
		if err != nil {
			return nil
		}
	}
}

// relay finds the commands in what a client sends, without a copy of it.
type relay struct {
	buffer   []byte
	filled   int // bytes of buffer that were read and not yet passed on
	rest     int // bytes that follow of the packet that is being passed on
	previous header
	refused  bool // what comes next is a COM_CHANGE_USER
}

// scan returns how much of the buffer may be passed on: everything but a header
// of which more has to be seen, and a COM_CHANGE_USER with what follows.
func (r *relay) scan() (passed int) {
	for {
		n := min(r.rest, r.filled-passed)
		r.rest -= n
		passed += n
		seen := r.buffer[passed:r.filled]
		if len(seen) < headerSize {
			return passed
		}
		next := parseHeader(seen)
		if next.startsCommand(r.previous) && next.length > 0 {
			if len(seen) == headerSize {
				return passed
			}
			if seen[headerSize] == CommandChangeUser {
				r.refused = true
				return passed
			}
		}
		passed += headerSize
		r.rest, r.previous = next.length, next
	}
}

func (r *relay) drop(passed int) {
	r.filled = copy(r.buffer, r.buffer[passed:r.filled])
}

// command returns the command that the buffer begins with, or as much of it as
// fits.
func (r *relay) command(client io.Reader) []byte {
	end := min(headerSize+parseHeader(r.buffer).length, len(r.buffer))
	if r.filled < end {
		n, _ := io.ReadFull(client, r.buffer[r.filled:end])
		end = r.filled + n
	}
	return r.buffer[headerSize:end]
}

// startsCommand tells a command from the other packets of a client: the further
// parts of a long one, and the files of LOAD DATA LOCAL, whose numbers can come
// round to zero. A server drops a client that lies about numbers.
func (h header) startsCommand(previous header) bool {
	cameRound := previous.sequence == 255 && previous.length > 0
	return h.sequence == 0 && !cameRound
}
