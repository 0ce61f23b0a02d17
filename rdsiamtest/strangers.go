package rdsiamtest

import "container/list"

// programStrangers is how many clients of a program's server may be logging in at a time, so
// that they cannot use up its files.
const programStrangers = 256

// strangers are the clients that are logging in, the oldest first, where they are limited.
type strangers struct {
	limit int // 0 is none
	list  list.List
}

// add returns the client that has to make room, nil for none.
func (s *strangers) add(conn *clientConn) (oldest *clientConn) {
	if s.limit == 0 {
		return nil
	}
	if s.list.Len() >= s.limit {
		oldest = s.list.Remove(s.list.Front()).(*clientConn)
	}
	conn.place = s.list.PushBack(conn)
	return oldest
}

func (s *strangers) remove(conn *clientConn) {
	if conn.place != nil {
		s.list.Remove(conn.place)
	}
}
