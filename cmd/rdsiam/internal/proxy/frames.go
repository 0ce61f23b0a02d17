package proxy

// frames finds the frames in a stream of bytes that arrives in pieces: the messages of
// PostgreSQL, the packets of MySQL.
type frames struct {
	headerSize int
	bodySize   func(header []byte) (size int, ok bool) // not ok: this is no header
	shown      int                                     // bytes of the body that see needs, where it has as many
	see        func(head []byte) (ok bool)             // not ok: the stream must not go on with this frame

	head   [maxHead]byte
	filled int  // bytes in head
	body   int  // size of the body, once the header is complete
	rest   int  // bytes that follow of a frame that was seen
	broken bool // what came in place of a header was none: no more frames can be found
}

// maxHead is the most that headerSize and shown can be together.
const maxHead = 32

// scan takes the next bytes of the stream. If it is not ok, the stream must end after the
// first passed of them.
func (f *frames) scan(b []byte) (passed int, ok bool) {
	for passed < len(b) && !f.broken {
		if f.rest > 0 {
			n := min(f.rest, len(b)-passed)
			f.rest -= n
			passed += n
			continue
		}
		n, ok := f.fill(b[passed:])
		if !ok {
			return passed, false
		}
		passed += n
	}
	return passed, !f.broken
}

// fill takes bytes into the head of a frame, and has the head seen when it is complete.
func (f *frames) fill(b []byte) (n int, ok bool) {
	if f.filled < f.headerSize {
		n = copy(f.head[f.filled:f.headerSize], b)
		f.filled += n
		if f.filled < f.headerSize {
			return n, true
		}
		if f.body, ok = f.bodySize(f.head[:f.headerSize]); !ok {
			f.broken = true
			return n, false
		}
	}
	want := f.headerSize + min(f.body, f.shown)
	more := copy(f.head[f.filled:want], b[n:])
	n += more
	f.filled += more
	if f.filled < want {
		return n, true
	}
	f.rest, f.filled = f.headerSize+f.body-want, 0
	return n, f.see(f.head[:want])
}

// between reports whether the stream is where one frame has ended and none has begun.
func (f *frames) between() bool { return f.filled == 0 && f.rest == 0 }
