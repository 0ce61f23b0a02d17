package rdsiamtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

// Identity is an AWS identity whose tokens a server knows.
type Identity struct {
	// Credentials are what the identity signs with. The server refuses tokens
	// once they have expired, if they can.
	Credentials aws.Credentials
	// ARN of the IAM user or role session. It gives the policy variables
	// aws:PrincipalArn, which for a session is the ARN of the role,
	// aws:PrincipalAccount and, for IAM users, aws:username. The default is a role
	// session in the account of the server.
	ARN string
	// Tags are the principal's tags: the policy variables aws:PrincipalTag/….
	Tags map[string]string
	// Context has more condition keys and policy variables with their values, such as
	// aws:PrincipalOrgID, aws:MultiFactorAuthPresent and aws:TokenIssueTime; "" is for
	// a key that does not exist. What a policy needs and nobody gave is unknown: a Deny
	// that depends on it refuses, and an Allow does not allow.
	Context map[string]string
	// Policies are IAM policy documents. Without one the identity is known but
	// may not log in.
	Policies []string
}

// identityTable holds the identities of a server. The zero table is empty.
type identityTable struct {
	mu    sync.RWMutex
	known []*identity // guarded by mu; replaced, never changed
}

// identity is an Identity with its policies parsed.
type identity struct {
	Identity
	policies []*iampolicy.Document
}

func (s *Server) prepareIdentities() error {
	given := s.given
	if len(given) == 0 {
		policies, err := s.defaultPolicies()
		if err != nil {
			return err
		}
		given = []Identity{s.defaultIdentity(policies)}
	}
	return s.SetIdentities(given...)
}

func (s *Server) defaultIdentity(policies []string) Identity {
	return Identity{
		Credentials: aws.Credentials{
			AccessKeyID:     "ASIA" + rand.Text()[:16],
			SecretAccessKey: (rand.Text() + rand.Text())[:40],
			SessionToken:    strings.Repeat(rand.Text(), 14), // about as long as those of STS
			Source:          "rdsiamtest",
			AccountID:       s.accountID,
		},
		Policies: policies,
	}
}

// SetIdentities replaces the identities that the server knows, for instance to
// rotate credentials: tokens of the old ones are refused from then on, unless
// they are given again.
func (s *Server) SetIdentities(identities ...Identity) error {
	known := make([]*identity, len(identities))
	for i, given := range identities {
		var err error
		if known[i], err = s.newIdentity(given); err != nil {
			return fmt.Errorf("identity %d: %w", i+1, err)
		}
	}
	s.identities.mu.Lock()
	defer s.identities.mu.Unlock()
	s.identities.known = known
	return nil
}

// SetPolicies replaces the policies of the first identity.
func (s *Server) SetPolicies(documents ...string) error {
	s.identities.mu.Lock()
	defer s.identities.mu.Unlock()
	if len(s.identities.known) == 0 {
		return errors.New("rdsiamtest: the server has no identity to set policies for: use SetIdentities")
	}
	changed := s.identities.known[0].Identity
	changed.Policies = documents
	first, err := s.newIdentity(changed)
	if err != nil {
		return err
	}
	s.identities.known = append([]*identity{first}, s.identities.known[1:]...)
	return nil
}

func (s *Server) newIdentity(given Identity) (*identity, error) {
	if given.Credentials.AccessKeyID == "" || given.Credentials.SecretAccessKey == "" {
		return nil, errors.New("credentials without an access key id or a secret access key")
	}
	if given.ARN == "" {
		partition := s.endpoints[0].Partition()
		given.ARN = fmt.Sprintf("arn:%s:sts::%s:assumed-role/rdsiamtest/session", partition, s.accountID)
	}
	if parts := strings.SplitN(given.ARN, ":", 6); len(parts) != 6 || parts[0] != "arn" {
		return nil, fmt.Errorf("ARN %q: write arn:partition:service:region:account:resource", given.ARN)
	}
	for key := range given.Context {
		if iampolicy.LacksKey(key) {
			return nil, fmt.Errorf("context key %q: logins to databases do not have it", key)
		}
	}
	given.Tags = maps.Clone(given.Tags)
	given.Context = maps.Clone(given.Context)
	given.Policies = slices.Clone(given.Policies)
	i := &identity{Identity: given}
	for n, document := range given.Policies {
		policy, err := iampolicy.Parse(document)
		if err != nil {
			return nil, fmt.Errorf("policy %d: %w", n+1, err)
		}
		i.policies = append(i.policies, policy)
	}
	return i, nil
}

// Identities returns the identities that the server knows now, with their
// secrets and their policies.
func (s *Server) Identities() []Identity {
	s.identities.mu.RLock()
	defer s.identities.mu.RUnlock()
	identities := make([]Identity, len(s.identities.known))
	for i, known := range s.identities.known {
		identities[i] = known.Identity
		identities[i].Tags = maps.Clone(known.Tags)
		identities[i].Context = maps.Clone(known.Context)
		identities[i].Policies = slices.Clone(known.Policies)
	}
	return identities
}

// identity returns the identity of an access key.
func (s *Server) identity(accessKeyID string) (*identity, bool) {
	s.identities.mu.RLock()
	defer s.identities.mu.RUnlock()
	for _, known := range s.identities.known {
		if known.Credentials.AccessKeyID == accessKeyID {
			return known, true
		}
	}
	return nil, false
}

// Credentials returns a provider of the credentials of the first identity, as
// they are when the provider is asked.
func (s *Server) Credentials() aws.CredentialsProvider { return credentialsProvider{s} }

type credentialsProvider struct{ server *Server }

func (p credentialsProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if err := ctx.Err(); err != nil {
		return aws.Credentials{}, err
	}
	p.server.identities.mu.RLock()
	defer p.server.identities.mu.RUnlock()
	if len(p.server.identities.known) == 0 {
		return aws.Credentials{}, errors.New("rdsiamtest: the server has no identity")
	}
	return p.server.identities.known[0].Credentials, nil
}
