// Package fakeaws is a small AWS on loopback for the tests of the command line: the parts of
// the RDS, IAM and STS APIs that rdsiam calls.
//
// It checks what AWS checks: the signature, its region and service, the version and the
// parameters of each call, the limits of policies. Unlike AWS it refuses parameters that it
// does not know, so that a typo does not pass. Programs find it by AWS_ENDPOINT_URL; see
// [Server.Environ].
package fakeaws

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// What is there without being staged.
const (
	AccountID = "123456789012"
	Region    = "eu-west-1"

	AccessKeyID     = "AKIDEXAMPLE"
	SecretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	CallerARN       = "arn:aws:iam::" + AccountID + ":user/sre"
)

// Server is an AWS account on loopback. It is safe for concurrent use.
type Server struct {
	http *httptest.Server

	mutex      sync.Mutex
	now        func() time.Time
	identities []Identity
	failures   []*staged
	calls      []Call
	pageSize   int
	regions    map[string]*region // what RDS has, by region
	iam        iamState
}

// Identity is somebody who calls.
type Identity struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // temporary credentials have one
	ARN             string // as sts:GetCallerIdentity tells it
	OnlyIn          string // region that knows the key, "" for all
}

// Call is a call that had a valid signature.
type Call struct {
	Action     string // as IAM policies spell it, such as "rds:DescribeDBInstances"
	Region     string // that it was signed for
	Caller     string // the ARN
	Parameters url.Values
}

// Start starts a server whose account has nothing but the identity of the constants.
// Close ends it.
func Start() *Server {
	s := &Server{
		now:        time.Now,
		identities: []Identity{{AccessKeyID: AccessKeyID, SecretAccessKey: SecretAccessKey, ARN: CallerARN}},
		regions:    make(map[string]*region),
		iam:        iamState{principals: make(map[principalKey]*Principal), policies: make(map[string]*Policy)},
	}
	s.http = httptest.NewServer(s)
	return s
}

// Close ends the server and its connections.
func (s *Server) Close() { s.http.Close() }

// URL is what AWS_ENDPOINT_URL has to be.
func (s *Server) URL() string { return s.http.URL }

// Environ returns the environment of a program that is to call this server as the
// identity of the constants, and that reads no configuration of the machine. A region is not
// among it.
func (s *Server) Environ() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.URL(),
		"AWS_ACCESS_KEY_ID=" + AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + SecretAccessKey,
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// Config returns the configuration of SDK clients that call this server as the identity of
// the constants.
func (s *Server) Config() aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: aws.String(s.URL()),
		HTTPClient:   s.http.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: AccessKeyID, SecretAccessKey: SecretAccessKey}, nil
		}),
	}
}

// SetClock makes the server tell and check the time of now. As in AWS, a signature may be
// five minutes off.
func (s *Server) SetClock(now func() time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.now = now
}

// SetPageSize has lists come in pages of n, which makes callers follow the marker. Zero, as at
// the start, leaves it to the caller.
func (s *Server) SetPageSize(n int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.pageSize = n
}

// AddIdentity lets somebody call. One with the same access key id is replaced.
func (s *Server) AddIdentity(identity Identity) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.identities = slices.DeleteFunc(s.identities, func(known Identity) bool { return known.AccessKeyID == identity.AccessKeyID })
	s.identities = append(s.identities, identity)
}

// Calls returns the calls so far, those that were refused among them.
func (s *Server) Calls() []Call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.calls)
}

// Actions returns the actions of Calls.
func (s *Server) Actions() []string {
	var actions []string
	for _, call := range s.Calls() {
		actions = append(actions, call.Action)
	}
	return actions
}

// call is a call that is being answered.
type call struct {
	Call
	service *service
	name    string // of the action, without its service
}

// service is an API with its actions.
type service struct {
	name      string // in the scope of a signature
	version   string // of the API
	namespace string
	actions   map[string]action
}

// action is one action: the parameters it must and may have, and what it answers. Optional
// parameters may end in "*", for lists.
type action struct {
	required []string
	optional []string
	answer   func(*Server, call) (any, *Failure)
}

var services = []*service{&rdsService, &iamService, &stsService}

// ServeHTTP answers a call of the query protocol.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.answer(w, r) {
		<-r.Context().Done()
	}
}

// answer reports whether the caller is to be left hanging.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) (hang bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	c, failure := s.read(r)
	if failure != nil {
		writeFailure(w, c, failure)
		return false
	}
	s.calls = append(s.calls, c.Call)
	if failure := s.stagedFailure(c); failure != nil {
		if !failure.Hang {
			writeFailure(w, c, failure)
		}
		return failure.Hang
	}
	answer := c.service.actions[c.name]
	if failure := checkParameters(answer, c.Parameters); failure != nil {
		writeFailure(w, c, failure)
		return false
	}
	result, failure := answer.answer(s, c)
	if failure != nil {
		writeFailure(w, c, failure)
		return false
	}
	writeResult(w, c, result)
	return false
}
