package rdsiamtest

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

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	scramMechanism  = "SCRAM-SHA-256"
	scramIterations = 4096
)

// askSCRAM asks for a proof of the password by SCRAM-SHA-256 (RFC 5802, RFC
// 7677). An account without a password is asked like any other, and like a
// real server's mock authentication, no proof will do.
func (f *postgresFront) askSCRAM(a account) *Refusal {
	f.backend.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{scramMechanism}})
	first, ok := f.receiveSASL(pgproto3.AuthTypeSASL)
	if !ok {
		return abandoned(scramMechanism)
	}
	exchange, err := newSCRAMExchange(a.password, first)
	if err != nil {
		return &Refusal{ReasonPassword, err.Error()}
	}
	f.backend.Send(&pgproto3.AuthenticationSASLContinue{Data: []byte(exchange.serverFirst)})
	final, ok := f.receiveSASL(pgproto3.AuthTypeSASLContinue)
	if !ok {
		return abandoned("its proof by " + scramMechanism)
	}
	f.attempt.token = final
	signature, err := exchange.finish(final)
	if err != nil {
		return &Refusal{ReasonPassword, err.Error()}
	}
	f.backend.Send(&pgproto3.AuthenticationSASLFinal{Data: []byte(signature)})
	return nil
}

// receiveSASL sends the pending request and returns the answer.
func (f *postgresFront) receiveSASL(authType uint32) (string, bool) {
	if f.backend.Flush() != nil || f.backend.SetAuthType(authType) != nil {
		return "", false
	}
	message, err := f.backend.Receive()
	if err != nil {
		return "", false
	}
	switch message := message.(type) {
	case *pgproto3.SASLInitialResponse:
		if message.AuthMechanism != scramMechanism {
			return "", false
		}
		return string(message.Data), true
	case *pgproto3.SASLResponse:
		return string(message.Data), true
	}
	return "", false
}

// scramExchange is the server's side of one SCRAM authentication.
type scramExchange struct {
	salted      []byte
	gs2Header   string // "n,," or "y,,": without channel binding, which is not offered
	nonce       string
	clientFirst string // without the GS2 header
	serverFirst string
}

func newSCRAMExchange(password, first string) (*scramExchange, error) {
	header, bare, ok := cutGS2Header(first)
	if !ok {
		return nil, errors.New("the SCRAM message does not begin with n,, or y,,")
	}
	attributes := strings.Split(bare, ",")
	if len(attributes) < 2 || !strings.HasPrefix(attributes[0], "n=") || len(attributes[1]) <= len("r=") ||
		!strings.HasPrefix(attributes[1], "r=") {
		return nil, errors.New("the SCRAM message has no user or no nonce")
	}
	if password == "" {
		password = rand.Text()
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the SCRAM key: %w", err)
	}
	nonce := attributes[1][len("r="):] + rand.Text()
	return &scramExchange{
		salted:      salted,
		gs2Header:   header,
		nonce:       nonce,
		clientFirst: bare,
		serverFirst: fmt.Sprintf("r=%s,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString(salt), scramIterations),
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

// finish checks the client's proof and returns the server's own.
func (x *scramExchange) finish(final string) (string, error) {
	withoutProof, proofText, ok := strings.Cut(final, ",p=")
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

	storedKey := sha256.Sum256(hmacSHA256(x.salted, "Client Key"))
	clientKey := make([]byte, sha256.Size)
	subtle.XORBytes(clientKey, proof, hmacSHA256(storedKey[:], message))
	if proven := sha256.Sum256(clientKey); subtle.ConstantTimeCompare(proven[:], storedKey[:]) != 1 {
		return "", errors.New("the SCRAM proof is not that of the password")
	}
	signature := hmacSHA256(hmacSHA256(x.salted, "Server Key"), message)
	return "v=" + base64.StdEncoding.EncodeToString(signature), nil
}

func hmacSHA256(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
