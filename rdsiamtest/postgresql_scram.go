package rdsiamtest

import (
	"crypto/rand"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/internal/scram"
)

// askSCRAM asks for a proof of the password by SCRAM-SHA-256. An account without a
// password is asked like any other, and like a real server's mock authentication, no
// proof will do.
func (f *postgresFront) askSCRAM(a account) *Refusal {
	f.backend.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{scram.Mechanism}})
	first, ok := f.receiveSASL(pgproto3.AuthTypeSASL)
	if !ok {
		return abandoned(scram.Mechanism)
	}
	exchange, err := beginSCRAM(a.password, first)
	if err != nil {
		return &Refusal{ReasonPassword, err.Error()}
	}
	f.backend.Send(&pgproto3.AuthenticationSASLContinue{Data: []byte(exchange.ServerFirst())})
	final, ok := f.receiveSASL(pgproto3.AuthTypeSASLContinue)
	if !ok {
		return abandoned("its proof by " + scram.Mechanism)
	}
	f.request.token = final
	signature, err := exchange.Finish(final)
	if err != nil {
		return &Refusal{ReasonPassword, err.Error()}
	}
	f.backend.Send(&pgproto3.AuthenticationSASLFinal{Data: []byte(signature)})
	return nil
}

func beginSCRAM(password, first string) (*scram.Exchange, error) {
	if password == "" {
		password = rand.Text()
	}
	secret, err := scram.NewSecret(password)
	if err != nil {
		return nil, err
	}
	return secret.Begin(first)
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
		if message.AuthMechanism != scram.Mechanism {
			return "", false
		}
		return string(message.Data), true
	case *pgproto3.SASLResponse:
		return string(message.Data), true
	}
	return "", false
}
