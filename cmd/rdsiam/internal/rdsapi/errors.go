package rdsapi

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rdsiam/rdsiam"
)

// DeniedError means that an identity may not call an API.
type DeniedError struct {
	Action string // as policies spell it, such as "rds:DescribeDBInstances"
	Err    error  // of the SDK
}

// Error says which action is missing, and which identity lacks it, as far as AWS says.
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

// CallError means that a call to AWS failed for another reason than a missing permission.
type CallError struct {
	Action  string // as policies spell it, such as "rds:DescribeDBInstances"
	Problem string
	Err     error // of the SDK
}

// Error says which call failed, and why.
func (e *CallError) Error() string { return e.Action + ": " + e.Problem }

// Unwrap returns the error of the SDK.
func (e *CallError) Unwrap() error { return e.Err }

// Explain returns a [*DeniedError] for an error of an SDK client that is about a missing
// permission, a [*CallError] for other errors of calls, and the rest as it is. Those of the
// SDK have the story of the call in them and not what it means.
func Explain(err error) error {
	operation := lastOperation(err)
	if operation == nil {
		return err
	}
	action := strings.ToLower(operation.Service()) + ":" + operation.Operation()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() == "UnknownError" {
		return &CallError{Action: action, Problem: unanswered(err), Err: err}
	}
	said := strings.TrimSuffix(api.ErrorCode()+": "+api.ErrorMessage(), ": ")
	switch code := api.ErrorCode(); {
	case code == "AccessDenied", code == "AccessDeniedException", code == "UnauthorizedOperation":
		return &DeniedError{Action: action, Err: err}
	case slices.Contains(throttled, code):
		said += "; AWS is asked too often by this account: try again later"
	}
	return &CallError{Action: action, Problem: said, Err: err}
}

var throttled = []string{"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}

// lastOperation returns the operation that failed, nil for none. A call may fail since
// another one did, of which the SDK gets the credentials.
func lastOperation(err error) (last *smithy.OperationError) {
	for operation := new(smithy.OperationError); errors.As(err, &operation); err = operation.Err {
		last = operation
	}
	return last
}

// CredentialsProblem says why a provider of the SDK has no credentials.
func CredentialsProblem(err error) string {
	var request *url.Error
	switch {
	case lastOperation(err) != nil:
		return Explain(err).Error()
	case errors.As(err, &request) && request.Timeout(): // of an endpoint in a container
		return request.URL + " does not answer"
	case errors.As(err, &request):
		return request.URL + " cannot be reached: " + request.Err.Error()
	}
	return Innermost(err).Error()
}

// unanswered says why AWS did not answer. What answers in its place may send a page that is
// XML or one that is not: the status comes before what the SDK made of the body.
func unanswered(err error) string {
	var (
		answer     *smithyhttp.ResponseError
		unreadable *smithy.DeserializationError
		network    *smithyhttp.RequestSendError
		slow       net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &slow) && slow.Timeout():
		return "AWS does not answer: see the network of this machine, its proxy, and whether there is an endpoint of the service in its VPC"
	case errors.As(err, &answer) && answer.HTTPStatusCode() >= 300:
		return "the answer is no error of AWS (HTTP status " + strconv.Itoa(answer.HTTPStatusCode()) + "): try again later, and see what is on the way"
	case errors.As(err, &unreadable):
		return "the answer is not one of AWS: something else answers, as a proxy or a network that wants a login does (" + unreadable.Unwrap().Error() + ")"
	case errors.As(err, &network):
		return "AWS cannot be reached: " + network.Unwrap().Error()
	}
	return Innermost(err).Error()
}

// Innermost is what an error of the SDK comes from: what is around it says which call it was.
func Innermost(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

// NotFoundError means that the account and region have no database with the endpoint.
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

// UnsupportedError means that the API cannot be asked what is behind the endpoint.
type UnsupportedError struct{ Endpoint rdsiam.Endpoint }

// Error says which endpoint to name instead.
func (e *UnsupportedError) Error() string {
	text := e.Endpoint.Host() + " does not tell which database it is: "
	switch e.Endpoint.Kind() {
	case rdsiam.KindGlobalWriter:
		return text + "a global database has a cluster in each region; name the endpoint of one of its clusters"
	case rdsiam.KindDSQL:
		return e.Endpoint.Host() + " is a cluster of Aurora DSQL, which the API of RDS does not know: its policies allow dsql:DbConnect, " +
			"for the user admin dsql:DbConnectAdmin, on the ARN of the cluster"
	case rdsiam.KindShardGroup:
		return text + "a shard group belongs to a cluster; name the writer endpoint of that cluster"
	}
	return text + "it is no name of RDS; name the RDS endpoint behind it"
}

// AnswerError means that the API answered what cannot be.
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
	return Explain(err)
}
