// Package scram is the server's side of SCRAM-SHA-256, by which PostgreSQL clients prove
// that they know a password without telling it (RFC 5802, RFC 7677), without channel
// binding.
package scram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Mechanism is the name of the mechanism.
const Mechanism = "SCRAM-SHA-256"

const iterations = 4096

// Secret is what a server keeps of a password.
type Secret struct {
	salt                 []byte
	storedKey, serverKey []byte
}

// NewSecret makes the Secret of a password, which takes a millisecond or so, with a salt of
// its own. The password counts as it is written: one with characters outside ASCII is that
// of a client only if the client does not change it by SASLprep.
func NewSecret(password string) (*Secret, error) {
	salt := make([]byte, 16)
	rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the SCRAM key: %w", err)
	}
	storedKey := sha256.Sum256(sign(salted, "Client Key"))
	return &Secret{salt: salt, storedKey: storedKey[:], serverKey: sign(salted, "Server Key")}, nil
}

// Exchange is one authentication.
type Exchange struct {
	secret      *Secret
	gs2Header   string // "n,," or "y,,": channel binding is not offered
	nonce       string
	clientFirst string // without the GS2 header
	serverFirst string
}

// Begin takes the client's first message. The errors of Begin and Finish are the client's.
func (s *Secret) Begin(clientFirst string) (*Exchange, error) {
	header, bare, ok := cutGS2Header(clientFirst)
	if !ok {
		return nil, errors.New("the SCRAM message does not begin with n,, or y,,")
	}
	attributes := strings.Split(bare, ",")
	if len(attributes) < 2 || !strings.HasPrefix(attributes[0], "n=") || len(attributes[1]) <= len("r=") ||
		!strings.HasPrefix(attributes[1], "r=") {
		return nil, errors.New("the SCRAM message has no user or no nonce")
	}
	nonce := attributes[1][len("r="):] + rand.Text()
	return &Exchange{
		secret:      s,
		gs2Header:   header,
		nonce:       nonce,
		clientFirst: bare,
		serverFirst: fmt.Sprintf("r=%s,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString(s.salt), iterations),
	}, nil
}

func cutGS2Header(message string) (header, rest string, ok bool) {
	for _, header := range []string{"n,,", "y,,"} {
		if rest, ok := strings.CutPrefix(message, header); ok {
			return header, rest, true
		}
	}
	return "", "", false
}

// ServerFirst returns the message that the client answers with its proof.
func (x *Exchange) ServerFirst() string { return x.serverFirst }

// Finish checks the client's proof and returns the server's own.
func (x *Exchange) Finish(clientFinal string) (serverFinal string, err error) {
	withoutProof, proofText, ok := strings.Cut(clientFinal, ",p=")
	if !ok {
		return "", errors.New("the SCRAM message has no proof")
	}
	proof, err := base64.StdEncoding.DecodeString(proofText)
	if err != nil || len(proof) != sha256.Size {
		return "", errors.New("the SCRAM proof is not 32 bytes in base64")
	}
	want := fmt.Sprintf("c=%s,r=%s", base64.StdEncoding.EncodeToString([]byte(x.gs2Header)), x.nonce)
	if withoutProof != want {
		return "", errors.New("the SCRAM message has another nonce or channel binding")
	}
	message := x.clientFirst + "," + x.serverFirst + "," + withoutProof
	clientKey := make([]byte, sha256.Size)
	subtle.XORBytes(clientKey, proof, sign(x.secret.storedKey, message))
	if proven := sha256.Sum256(clientKey); subtle.ConstantTimeCompare(proven[:], x.secret.storedKey) != 1 {
		return "", errors.New("the SCRAM proof is not that of the password")
	}
	return "v=" + base64.StdEncoding.EncodeToString(sign(x.secret.serverKey, message)), nil
}

func sign(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
