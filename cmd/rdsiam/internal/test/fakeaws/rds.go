package fakeaws

import (
	"net/http"
	"slices"
	"strings"
)

var rdsService = service{
	name:      "rds",
	version:   "2014-10-31",
	namespace: "http://rds.amazonaws.com/doc/2014-10-31/",
	actions: map[string]action{
		"DescribeDBInstances":      {optional: []string{"DBInstanceIdentifier", "Filters.*", "MaxRecords"}, answer: describeDBInstances},
		"DescribeDBClusters":       {optional: []string{"DBClusterIdentifier", "MaxRecords"}, answer: describeDBClusters},
		"DescribeDBProxies":        {optional: []string{"DBProxyName", "MaxRecords"}, answer: describeDBProxies},
		"DescribeDBProxyEndpoints": {optional: []string{"DBProxyName", "DBProxyEndpointName", "MaxRecords"}, answer: describeDBProxyEndpoints},
		"ModifyDBInstance":         {required: []string{"DBInstanceIdentifier"}, optional: []string{"EnableIAMDatabaseAuthentication", "ApplyImmediately"}, answer: modifyDBInstance},
		"ModifyDBCluster":          {required: []string{"DBClusterIdentifier"}, optional: []string{"EnableIAMDatabaseAuthentication", "ApplyImmediately"}, answer: modifyDBCluster},
	},
}

// region is what RDS has in a region.
type region struct {
	instances      []*Instance
	clusters       []*Cluster
	proxies        []*Proxy
	proxyEndpoints []*ProxyEndpoint
}

// in returns what there is in a region.
func (s *Server) in(name string) *region {
	if s.regions[name] == nil {
		s.regions[name] = new(region)
	}
	return s.regions[name]
}

// AddInstance adds a DB instance and returns it with every field that was left out.
func (s *Server) AddInstance(instance Instance) Instance {
	instance.complete()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	here := s.in(instance.Region)
	here.instances = append(here.instances, &instance)
	return instance
}

// AddCluster adds a DB cluster and returns it with every field that was left out.
func (s *Server) AddCluster(cluster Cluster) Cluster {
	cluster.complete()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	here := s.in(cluster.Region)
	here.clusters = append(here.clusters, &cluster)
	return cluster
}

// AddProxy adds an RDS Proxy and returns it with every field that was left out.
func (s *Server) AddProxy(proxy Proxy) Proxy {
	proxy.complete()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	here := s.in(proxy.Region)
	here.proxies = append(here.proxies, &proxy)
	return proxy
}

// AddProxyEndpoint adds an endpoint to a proxy and returns it with every field that was left
// out.
func (s *Server) AddProxyEndpoint(endpoint ProxyEndpoint) ProxyEndpoint {
	endpoint.complete()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	here := s.in(endpoint.Region)
	here.proxyEndpoints = append(here.proxyEndpoints, &endpoint)
	return endpoint
}

func describeDBInstances(s *Server, c call) (any, *Failure) {
	instances := s.in(c.Region).instances
	if id := c.Parameters.Get("DBInstanceIdentifier"); id != "" {
		instance := findInstance(instances, id)
		if instance == nil {
			return nil, notFound("DBInstanceNotFound", "DBInstance "+id+" not found.")
		}
		instances = []*Instance{instance}
	}
	instances, failure := filterInstances(instances, c)
	if failure != nil {
		return nil, failure
	}
	page, marker, failure := pageOf(s, c, instances)
	return struct {
		Marker      string      `xml:",omitempty"`
		DBInstances []*Instance `xml:"DBInstances>DBInstance"`
	}{marker, page}, failure
}

// filterInstances knows the filter by cluster.
func filterInstances(instances []*Instance, c call) ([]*Instance, *Failure) {
	name := c.Parameters.Get("Filters.Filter.1.Name")
	if name == "" {
		return instances, nil
	}
	if name != "db-cluster-id" || c.Parameters.Has("Filters.Filter.2.Name") {
		return nil, &Failure{Status: http.StatusBadRequest, Code: "InvalidParameterValue", Message: "Unrecognized filter name: " + name}
	}
	cluster := c.Parameters.Get("Filters.Filter.1.Values.Value.1")
	return slices.DeleteFunc(slices.Clone(instances), func(i *Instance) bool { return i.DBClusterIdentifier != cluster }), nil
}

func describeDBClusters(s *Server, c call) (any, *Failure) {
	clusters := s.in(c.Region).clusters
	if id := c.Parameters.Get("DBClusterIdentifier"); id != "" {
		cluster := findCluster(clusters, id)
		if cluster == nil {
			return nil, notFound("DBClusterNotFoundFault", "DBCluster "+id+" not found.")
		}
		clusters = []*Cluster{cluster}
	}
	page, marker, failure := pageOf(s, c, clusters)
	for i, cluster := range page {
		page[i] = s.in(c.Region).withMembers(cluster)
	}
	return struct {
		Marker     string     `xml:",omitempty"`
		DBClusters []*Cluster `xml:"DBClusters>DBCluster"`
	}{marker, page}, failure
}

func (r *region) withMembers(cluster *Cluster) *Cluster {
	full := *cluster
	for _, instance := range r.instances {
		if instance.DBClusterIdentifier == cluster.DBClusterIdentifier {
			full.DBClusterMembers = append(full.DBClusterMembers, Member{instance.DBInstanceIdentifier, len(full.DBClusterMembers) == 0})
		}
	}
	return &full
}

func describeDBProxies(s *Server, c call) (any, *Failure) {
	proxies := s.in(c.Region).proxies
	if name := c.Parameters.Get("DBProxyName"); name != "" {
		proxies = slices.DeleteFunc(slices.Clone(proxies), func(p *Proxy) bool { return p.DBProxyName != name })
		if len(proxies) == 0 {
			return nil, notFound("DBProxyNotFoundFault", "DB Proxy "+name+" doesn't exist.")
		}
	}
	page, marker, failure := pageOf(s, c, proxies)
	return struct {
		Marker    string   `xml:",omitempty"`
		DBProxies []*Proxy `xml:"DBProxies>member"`
	}{marker, page}, failure
}

func describeDBProxyEndpoints(s *Server, c call) (any, *Failure) {
	endpoints := slices.Clone(s.in(c.Region).proxyEndpoints)
	if proxy := c.Parameters.Get("DBProxyName"); proxy != "" {
		endpoints = slices.DeleteFunc(endpoints, func(e *ProxyEndpoint) bool { return e.DBProxyName != proxy })
	}
	if name := c.Parameters.Get("DBProxyEndpointName"); name != "" {
		endpoints = slices.DeleteFunc(endpoints, func(e *ProxyEndpoint) bool { return e.DBProxyEndpointName != name })
		if len(endpoints) == 0 {
			return nil, notFound("DBProxyEndpointNotFoundFault", "DB proxy endpoint "+name+" doesn't exist.")
		}
	}
	page, marker, failure := pageOf(s, c, endpoints)
	return struct {
		Marker           string           `xml:",omitempty"`
		DBProxyEndpoints []*ProxyEndpoint `xml:"DBProxyEndpoints>member"`
	}{marker, page}, failure
}

// findInstance takes an identifier or an ARN, as AWS does.
func findInstance(instances []*Instance, id string) *Instance {
	for _, instance := range instances {
		if strings.EqualFold(instance.DBInstanceIdentifier, id) || instance.DBInstanceArn == id {
			return instance
		}
	}
	return nil
}

func findCluster(clusters []*Cluster, id string) *Cluster {
	for _, cluster := range clusters {
		if strings.EqualFold(cluster.DBClusterIdentifier, id) || cluster.DBClusterArn == id {
			return cluster
		}
	}
	return nil
}
