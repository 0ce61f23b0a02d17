package fakeaws

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// World is what an account has, for tests that stage it in a file of JSON.
type World struct {
	Instances      []Instance
	Clusters       []Cluster
	Proxies        []Proxy
	ProxyEndpoints []ProxyEndpoint
	Principals     []Principal
	Policies       []Policy
	Deny           []string // see [Server.Deny]
	Throttle       []string // actions whose next call is throttled
	PageSize       int      // see [Server.SetPageSize]
}

// Load adds the World in a JSON text. A field that is not there is an error.
func (s *Server) Load(text []byte) error {
	var world World
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&world); err != nil {
		return fmt.Errorf("fakeaws: %w", err)
	}
	for _, instance := range world.Instances {
		s.AddInstance(instance)
	}
	for _, cluster := range world.Clusters {
		s.AddCluster(cluster)
	}
	for _, proxy := range world.Proxies {
		s.AddProxy(proxy)
	}
	for _, endpoint := range world.ProxyEndpoints {
		s.AddProxyEndpoint(endpoint)
	}
	for _, principal := range world.Principals {
		s.AddPrincipal(principal)
	}
	for _, policy := range world.Policies {
		s.AddPolicy(policy)
	}
	s.Deny(world.Deny...)
	for _, action := range world.Throttle {
		s.Fail(action, 1, Throttling)
	}
	s.SetPageSize(world.PageSize)
	return nil
}
