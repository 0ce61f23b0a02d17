package rdsiam

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"
)

// SignedToken is what a source makes of a text that the SDK signed.
func SignedToken(text string, login Login, credentials aws.Credentials) (Token, error) {
	return signedToken(text, login, credentials)
}

// ReusedTokens returns how many tokens a source keeps.
func ReusedTokens(source TokenSource) (n int) {
	source.(*signingSource).slots.Range(func(any, any) bool { n++; return true })
	return n
}

// DropSlot takes the slot of a login, as a sweep does, and returns what drops it.
func DropSlot(source TokenSource, login Login) func() {
	s := source.(*signingSource)
	slot := s.lockSlot(keyOf(login))
	return func() {
		s.drop(slot)
		slot.signing.Unlock()
	}
}

// Reusable reports whether a token may be reused.
func Reusable(signed, expires, now time.Time) bool {
	slot := new(reusedToken)
	slot.current.Store((&signingSource{reuse: defaultReuse}).reusable(Token{signed: signed, expires: expires}))
	return slot.reuse(now) != nil
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
