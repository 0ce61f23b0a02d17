// Package rdsapi finds out through the API of RDS what is behind an endpoint: the resource id
// that policies name, and whether IAM authentication is on.
package rdsapi

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/rdsiam/rdsiam"
)

// Type says what a database is to IAM: what its policies name, and what has the switch for
// IAM authentication.
type Type string

// An instance of an Aurora or Multi-AZ cluster is no Instance: policies name its Cluster.
const (
	TypeInstance Type = "instance"
	TypeCluster  Type = "cluster"
	TypeProxy    Type = "proxy"
)

// Database is what the API knows of the instance, cluster or proxy behind an endpoint.
type Database struct {
	Type     Type
	Name     string          // the identifier that its owner gave it
	ARN      string          // of the API, not of policies
	Resource rdsiam.Resource // as policies name it
	Status   string          // such as "available"

	Engine        string // such as "aurora-postgresql"; of a proxy the family, such as "POSTGRESQL"
	EngineVersion string // empty for a proxy
	MasterUser    string // empty for a proxy

	// IAM tells whether IAM authentication is on, and PendingIAM what it will be after the
	// change that is under way or waits for the maintenance window; nil: no change. Of a
	// proxy, IAM tells whether clients can log in with a token.
	IAM        bool
	PendingIAM *bool

	// Pending is the other changes that wait for the maintenance window, such as
	// "DBInstanceClass db.r8g.large".
	Pending           []string
	MaintenanceWindow string // in UTC, such as "mon:03:00-mon:03:30"; empty for a proxy

	LogExports []string   // types of logs that are written to CloudWatch, such as "postgresql"
	Instances  []Instance // of the cluster, or the instance itself; nil for a proxy
	Proxy      *Proxy     // nil for instances and clusters
}

// Instance is what may differ from one instance of a cluster to another.
type Instance struct {
	Name             string
	Status           string
	Class            string    // such as "db.r8g.large"
	CA               string    // such as "rds-ca-rsa2048-g1"
	CertificateUntil time.Time // zero: not told
	ParameterGroups  []ParameterGroup
}

// ParameterGroup is one that an instance uses.
type ParameterGroup struct {
	Name   string
	Status string // "in-sync", or "pending-reboot" where the instance has other values still
}

// Proxy is how clients log in to an RDS Proxy.
type Proxy struct {
	RequireTLS        bool
	DefaultAuthScheme string // "IAM_AUTH": with IAM to the database too; otherwise "NONE"
	RoleARN           string // as which the proxy reads secrets and logs in to the database
	Auth              []ProxyAuth
}

// ProxyAuth is how clients log in as the account in a secret.
type ProxyAuth struct {
	IAMAuth   string // "REQUIRED", "DISABLED", or "ENABLED", which only SQL Server has
	SecretARN string
}

// api is the calls that are made.
type api struct{ *rds.Client }

// Find asks for the database behind an endpoint, in the region and with the credentials of an
// identity of the account that owns it. The identity needs rds:DescribeDBInstances,
// DescribeDBClusters, DescribeDBProxies or DescribeDBProxyEndpoints, depending on the endpoint.
//
// Errors are a [*DeniedError], a [*NotFoundError], an [*UnsupportedError], or those of the
// SDK.
func Find(ctx context.Context, config aws.Config, endpoint rdsiam.Endpoint) (*Database, error) {
	client := api{rds.NewFromConfig(config, func(o *rds.Options) { o.Region = endpoint.Region() })}
	name, _, _ := strings.Cut(endpoint.Host(), ".")
	switch endpoint.Kind() {
	case rdsiam.KindInstance:
		return client.findInstance(ctx, name, endpoint)
	case rdsiam.KindCluster, rdsiam.KindReader:
		return client.findCluster(ctx, name, endpoint)
	case rdsiam.KindProxy:
		return client.findProxy(ctx, name, endpoint)
	case rdsiam.KindProxyEndpoint:
		return client.findProxyEndpoint(ctx, name, endpoint)
	}
	return nil, &UnsupportedError{endpoint}
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}
