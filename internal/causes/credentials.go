// Package causes says what failures mean and what fixes them.
package causes

import (
	"slices"
	"strings"
	"time"
)

// Credentials is why there are no AWS credentials.
type Credentials struct {
	Code      string // stable, for programs
	Text      string // what is wrong
	Fix       string // what to change
	Retryable bool   // false where a person must act
}

// CredentialsFailure is what is known of a failed try to get AWS credentials.
type CredentialsFailure struct {
	Err       error
	Container bool // the last step asks a container endpoint; that of a role chain is STS
	GaveUp    bool // the SDK tried as often as it may
	Silent    bool // the provider gave no answer before the caller's deadline
	Hung      bool // nor for a long time before
}

// OfCredentials returns the cause of failure: the first row of the table that applies.
func OfCredentials(failure CredentialsFailure) Credentials {
	seen := credentialsSymptom{CredentialsFailure: failure}
	if failure.Err != nil {
		seen.text = failure.Err.Error()
		seen.look(failure.Err)
	}
	n := slices.IndexFunc(credentialsTable, func(rule credentialsRule) bool { return rule.matches(seen) })
	return credentialsTable[n].cause // the last row matches everything
}

// CredentialsByCode returns the cause of a code of this package.
func CredentialsByCode(code string) (Credentials, bool) {
	for _, cause := range CredentialsCauses() {
		if cause.Code == code {
			return cause, true
		}
	}
	return Credentials{}, false
}

// CredentialsCauses returns every cause that there is.
func CredentialsCauses() []Credentials {
	all := []Credentials{NoKeys, CredentialsExpired, SigningFailed, SourceFailed, TokenExpired}
	for _, rule := range credentialsTable {
		all = append(all, rule.cause)
	}
	return all
}

// credentialsSymptom is what a failure shows. The tree of the error is searched by the
// interfaces of the SDK's errors.
type credentialsSymptom struct {
	CredentialsFailure
	text     string
	codes    []string // of API errors
	services []string // that were called
	statuses []int    // of HTTP answers
}

func (s *credentialsSymptom) look(err error) {
	if e, ok := err.(interface{ ErrorCode() string }); ok {
		s.codes = append(s.codes, e.ErrorCode())
	}
	if e, ok := err.(interface{ Service() string }); ok {
		s.services = append(s.services, e.Service())
	}
	if e, ok := err.(interface{ HTTPStatusCode() int }); ok {
		s.statuses = append(s.statuses, e.HTTPStatusCode())
	}
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapped.Unwrap(); inner != nil {
			s.look(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			s.look(inner)
		}
	}
}

func (s credentialsSymptom) unreachable() bool {
	return s.GaveUp || strings.Contains(s.text, "request send failed")
}

func (s credentialsSymptom) throttled() bool {
	return s.status(429, 429) || slices.ContainsFunc(s.codes, func(code string) bool { return slices.Contains(throttleCodes, code) })
}

// throttleCodes are those that the SDK takes for throttling.
var throttleCodes = []string{"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled",
	"TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "SlowDown", "EC2ThrottledException"}

func (s credentialsSymptom) status(from, to int) bool {
	return slices.ContainsFunc(s.statuses, func(status int) bool { return from <= status && status <= to })
}

// credentialsRule is a row of the table. It applies if every condition that it sets holds.
type credentialsRule struct {
	texts    []string // one of them is in the error's text: for errors without a type or code
	codes    []string // one of them is an API error's
	services []string // one of them was called
	when     func(credentialsSymptom) bool
	cause    Credentials
}

func (r credentialsRule) matches(seen credentialsSymptom) bool {
	return (r.texts == nil || slices.ContainsFunc(r.texts, func(text string) bool { return strings.Contains(seen.text, text) })) &&
		(r.codes == nil || slices.ContainsFunc(r.codes, func(code string) bool { return slices.Contains(seen.codes, code) })) &&
		(r.services == nil || slices.ContainsFunc(r.services, func(name string) bool { return slices.Contains(seen.services, name) })) &&
		(r.when == nil || r.when(seen))
}

// HungAfter is how long nothing may answer until the advice names the SDK's options.
const HungAfter = time.Minute
