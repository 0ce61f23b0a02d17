package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// credentialLife is short, so that many lives fit. The library asks for others halfway.
const credentialLife = 80 * time.Second

type providerMode int

const (
	well    providerMode = iota
	failing              // it answers with an error
	hanging              // it does not answer, whatever the context says
)

// provider is a service that issues credentials, and makes them known to the servers.
type provider struct {
	announce func(...rdsiamtest.Identity) error

	mutex  sync.Mutex
	mode   providerMode
	freed  chan struct{} // closed when hanging ends
	issued []rdsiamtest.Identity
	policy string
}

func (p *provider) set(mode providerMode) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.mode == hanging {
		close(p.freed)
	}
	p.mode, p.freed = mode, make(chan struct{})
}

// Retrieve implements [aws.CredentialsProvider].
func (p *provider) Retrieve(context.Context) (aws.Credentials, error) {
	p.mutex.Lock()
	mode, freed := p.mode, p.freed
	p.mutex.Unlock()
	switch mode {
	case failing:
		return aws.Credentials{}, errors.New("the service that issues credentials is away")
	case hanging:
		<-freed
		return aws.Credentials{}, errors.New("the connection to the service was lost")
	}
	return p.issue()
}

func (p *provider) issue() (aws.Credentials, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	n := len(p.issued)
	credentials := aws.Credentials{
		AccessKeyID:     fmt.Sprintf("ASIASOAK%012d", n),
		SecretAccessKey: fmt.Sprintf("secret-%033d", n),
		SessionToken:    fmt.Sprintf("session-%033d", n),
		CanExpire:       true,
		Expires:         time.Now().Add(credentialLife),
	}
	p.issued = append(p.issued, rdsiamtest.Identity{Credentials: credentials, Policies: []string{p.policy}})
	return credentials, p.announce(p.issued...)
}
