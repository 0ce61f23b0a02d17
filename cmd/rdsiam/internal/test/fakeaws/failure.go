package fakeaws

import "net/http"

// Failure is an error that an API answers with.
type Failure struct {
	Status  int // of HTTP
	Code    string
	Message string

	// Page is answered in place of an error of AWS, as by something that is on the way to it.
	Page string
	// Hang answers nothing until the caller gives up.
	Hang bool
}

// Throttling is what RDS and IAM say to who calls too often. The SDK tries again.
var Throttling = Failure{Status: http.StatusBadRequest, Code: "Throttling", Message: "Rate exceeded"}

// staged is a failure that waits for its action.
type staged struct {
	action string
	times  int // left; negative: for ever
	with   func(call) *Failure
}

// Fail has the next calls of an action, such as "rds:DescribeDBInstances", fail: that many
// times, or always with a negative number.
func (s *Server) Fail(action string, times int, failure Failure) {
	s.stage(&staged{action, times, func(call) *Failure { return &failure }})
}

// Deny has every call of an action refused for want of a permission, in the words of AWS.
func (s *Server) Deny(actions ...string) {
	for _, action := range actions {
		s.stage(&staged{action, -1, func(c call) *Failure {
			return forbidden("AccessDenied", "User: "+c.Caller+" is not authorized to perform: "+c.Action+
				" because no identity-based policy allows the "+c.Action+" action")
		}})
	}
}

func (s *Server) stage(failure *staged) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.failures = append(s.failures, failure)
}

func (s *Server) stagedFailure(c call) *Failure {
	for _, f := range s.failures {
		if f.action == c.Action && f.times != 0 {
			f.times--
			return f.with(c)
		}
	}
	return nil
}

func forbidden(code, message string) *Failure {
	return &Failure{Status: http.StatusForbidden, Code: code, Message: message}
}

func validationError(message string) *Failure {
	return &Failure{Status: http.StatusBadRequest, Code: "ValidationError", Message: message}
}

func notFound(code, message string) *Failure {
	return &Failure{Status: http.StatusNotFound, Code: code, Message: message}
}
