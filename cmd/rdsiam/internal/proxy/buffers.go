package proxy

import (
	"io"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// idleBuffer is what each direction of a session holds all the time.
	idleBuffer = 2 << 10
	// busyBuffer is what it borrows while there is more to read at a time.
	busyBuffer = 64 << 10
)

// buffers lends large buffers to sessions that move much, so that idle ones need little.
type buffers struct{ busy sync.Pool }

// moved counts bytes.
type moved struct{ toServer, toClient prometheus.Counter }

// pass gives each what it reads of source, until source ends, which is no error, or each
// returns an error.
func (p *buffers) pass(source io.Reader, each func([]byte) error) error {
	small := make([]byte, idleBuffer)
	for {
		n, ended, err := passOnce(source, small, each)
		if n == len(small) && !ended && err == nil {
			ended, err = p.passBusy(source, each)
		}
		if ended || err != nil {
			return err
		}
	}
}

// passBusy passes on until there is little to read.
func (p *buffers) passBusy(source io.Reader, each func([]byte) error) (ended bool, err error) {
	large, ok := p.busy.Get().(*[busyBuffer]byte)
	if !ok {
		large = new([busyBuffer]byte)
	}
	defer p.busy.Put(large)
	for {
		n, ended, err := passOnce(source, large[:], each)
		if n < idleBuffer || ended || err != nil {
			return ended, err
		}
	}
}

func passOnce(source io.Reader, buffer []byte, each func([]byte) error) (n int, ended bool, err error) {
	n, readErr := source.Read(buffer)
	if n > 0 {
		err = each(buffer[:n])
	}
	return n, readErr != nil, err
}
