package proxy

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/internal/scram"
)

// askSCRAM has the client prove that it knows the password, which does not travel. All
// current clients can do this without TLS.
func askSCRAM(backend *pgproto3.Backend, secret *scram.Secret) error {
	backend.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: []string{scram.Mechanism}})
	first, err := receiveSASL(backend, pgproto3.AuthTypeSASL)
	if err != nil {
		return err
	}
	exchange, err := secret.Begin(first)
	if err != nil {
		return &refusal{refusedProtocol, err}
	}
	backend.Send(&pgproto3.AuthenticationSASLContinue{Data: []byte(exchange.ServerFirst())})
	final, err := receiveSASL(backend, pgproto3.AuthTypeSASLContinue)
	if err != nil {
		return err
	}
	signature, err := exchange.Finish(final)
	if err != nil {
		return &refusal{refusedPassword, fmt.Errorf("wrong password: %w", err)}
	}
	backend.Send(&pgproto3.AuthenticationSASLFinal{Data: []byte(signature)})
	return nil
}

// receiveSASL sends the pending request and returns the answer.
func receiveSASL(backend *pgproto3.Backend, authType uint32) (string, error) {
	if err := backend.Flush(); err != nil {
		return "", err
	}
	if err := backend.SetAuthType(authType); err != nil {
		return "", err
	}
	message, err := backend.Receive()
	if err != nil {
		return "", err
	}
	switch message := message.(type) {
	case *pgproto3.SASLInitialResponse:
		if message.AuthMechanism == scram.Mechanism {
			return string(message.Data), nil
		}
	case *pgproto3.SASLResponse:
		return string(message.Data), nil
	}
	return "", &refusal{refusedProtocol, errors.New("the client does not answer by " + scram.Mechanism)}
}
