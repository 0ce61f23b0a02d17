package rdsapi

import (
	"errors"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/causes"
)

// NoCredentialsError means that a credentials provider failed.
type NoCredentialsError struct{ Err error } // of the provider

// Error says why, and what to change.
func (e *NoCredentialsError) Error() string {
	cause := e.cause()
	return "there are no AWS credentials: " + cause.Text + "; " + cause.Fix + " (" + CredentialsProblem(e.Err) + ")"
}

// Unwrap returns the error of the provider.
func (e *NoCredentialsError) Unwrap() error { return e.Err }

func (e *NoCredentialsError) cause() causes.Credentials {
	return causes.OfCredentials(causes.CredentialsFailure{Err: e.Err})
}

// LoginCommand returns the command of the AWS CLI that makes up for an error which means that a
// person has to log in again: "aws sso login" or "aws login", without a profile. It is "" for
// other errors.
func LoginCommand(err error) string {
	var (
		code     string
		failed   *rdsiam.CredentialsError
		provider *NoCredentialsError
	)
	switch {
	case errors.As(err, &failed):
		code = failed.Code
	case errors.As(err, &provider):
		code = provider.cause().Code
	}
	switch code {
	case "login-session-ended", "login-session-denied":
		return "aws login"
	case "sso-session-ended", "sso-role-denied":
		return "aws sso login"
	}
	return ""
}
