package iampolicy

// Truth is what can be said of a condition or a statement at a login of which not everything is
// known. Of several that must all hold the least counts, of several that may hold the greatest,
// and the negation of one is its negative.
type Truth int8

// The values in their order.
const (
	No Truth = iota - 1
	Undecided
	Yes
)

func truthOf(is bool) Truth {
	if is {
		return Yes
	}
	return No
}
