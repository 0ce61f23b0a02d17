package rdsapi

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/rdsiam/rdsiam"
)

// DeniedError tells that an identity may not call an API.
type DeniedError struct {
	Action string // as policies spell it, such as "rds:DescribeDBInstances"
	Err    error  // of the SDK
}

// Error says which action is missing, and to whom, as far as AWS tells.
func (e *DeniedError) Error() string {
	text := "AWS refused " + e.Action
	var api smithy.APIError
	if errors.As(e.Err, &api) && api.ErrorMessage() != "" {
		text += ": " + strings.TrimSuffix(api.ErrorMessage(), ".")
	}
	return text + "; allow " + e.Action + " in a policy of that identity, or use the credentials of another one"
}

// Unwrap returns the error of the SDK.
func (e *DeniedError) Unwrap() error { return e.Err }

// Denied returns a [*DeniedError] for an error of an SDK client that tells of a missing
// permission, and other errors as they are.
func Denied(err error) error {
	var (
		api       smithy.APIError
		operation *smithy.OperationError
	)
	if !errors.As(err, &api) || !errors.As(err, &operation) {
		return err
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation":
		return &DeniedError{Action: strings.ToLower(operation.Service()) + ":" + operation.Operation(), Err: err}
	}
	return err
}

// NotFoundError tells that the account and region have no database with the endpoint.
type NotFoundError struct {
	Type     string // such as "instance" or "proxy endpoint"
	Name     string
	Endpoint rdsiam.Endpoint
	Host     string // of the one that has that name all the same, "" where there is none
}

// Error says what was looked for, and what to look at.
func (e *NotFoundError) Error() string {
	text := "the account of these credentials has no " + e.Type + " " + e.Name + " in " + e.Endpoint.Region() + " with the endpoint " + e.Endpoint.Host()
	if e.Host != "" {
		text += " (the one of that name has " + e.Host + ")"
	}
	return text + "; check the spelling, and that the credentials are of the account that owns the database"
}

// UnsupportedError tells that the API cannot be asked what is behind the endpoint.
type UnsupportedError struct{ Endpoint rdsiam.Endpoint }

// Error says which endpoint to name instead.
func (e *UnsupportedError) Error() string {
	text := e.Endpoint.Host() + " does not tell which database it is: "
	switch e.Endpoint.Kind() {
	case rdsiam.KindGlobalWriter:
		return text + "a global database has a cluster in each region; name the endpoint of one of its clusters"
	case rdsiam.KindShardGroup:
		return text + "a shard group belongs to a cluster; name the writer endpoint of that cluster"
	}
	return text + "it is no name of RDS; name the RDS endpoint behind it"
}

// AnswerError tells that the API answered what cannot be.
type AnswerError struct {
	Problem, Value string
	Err            error
}

// Error says what the API answered.
func (e *AnswerError) Error() string {
	return "the RDS API answered " + e.Value + ", which is " + e.Problem
}

// Unwrap returns what is wrong with the answer, nil where the problem says it.
func (e *AnswerError) Unwrap() error { return e.Err }

// explain names the permission or the database that is missing.
func explain(err error, kind, name string, endpoint rdsiam.Endpoint) error {
	var api smithy.APIError
	if errors.As(err, &api) && strings.Contains(api.ErrorCode(), "NotFound") {
		return &NotFoundError{Type: kind, Name: name, Endpoint: endpoint}
	}
	return Denied(err)
}
