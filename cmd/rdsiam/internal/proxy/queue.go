package proxy

// queue is the commands that wait for an answer, a byte for each. Taking one takes as long
// however many there are: a client may send millions at a time.
type queue struct {
	bytes []byte
	taken int // bytes at the beginning that were taken
}

// keptQueue is the memory that an empty queue keeps.
const keptQueue = 1 << 10

func (q *queue) add(b byte) { q.bytes = append(q.bytes, b) }

func (q *queue) empty() bool { return q.taken == len(q.bytes) }

// first returns what take takes next, 0 if the queue is empty.
func (q *queue) first() byte {
	if q.empty() {
		return 0
	}
	return q.bytes[q.taken]
}

func (q *queue) take() {
	if q.empty() {
		return
	}
	q.taken++
	switch left := len(q.bytes) - q.taken; {
	case left == 0 && cap(q.bytes) > keptQueue:
		*q = queue{}
	case left < q.taken: // what is moved was paid for by what was taken
		q.bytes = q.bytes[:copy(q.bytes, q.bytes[q.taken:])]
		q.taken = 0
	}
}
