package fakeaws

import (
	"cmp"
	"strings"
)

// Instance is a DB instance. Fields are named as in the API. What is left out gets a value
// that fits the identifier, except for IAM and lists.
type Instance struct {
	Region string `xml:"-"` // default: the constant Region

	DBInstanceIdentifier             string
	DbiResourceId                    string
	DBInstanceArn                    string
	DBInstanceClass                  string
	DBInstanceStatus                 string
	DBClusterIdentifier              string `xml:",omitempty"` // of the cluster that it is a member of
	Engine                           string
	EngineVersion                    string
	MasterUsername                   string
	Endpoint                         *Address
	IAMDatabaseAuthenticationEnabled bool
	PendingModifiedValues            Pending
	CACertificateIdentifier          string
	CertificateDetails               *Certificate
	DBParameterGroups                []ParameterGroup `xml:"DBParameterGroups>DBParameterGroup"`
	PreferredMaintenanceWindow       string
	PubliclyAccessible               bool
	EnabledCloudwatchLogsExports     []string `xml:"EnabledCloudwatchLogsExports>member"`
}

// Address is where an instance listens.
type Address struct {
	Address string
	Port    int
}

// Pending is what changes at the next maintenance window.
type Pending struct {
	IAMDatabaseAuthenticationEnabled *bool  `xml:",omitempty"`
	EngineVersion                    string `xml:",omitempty"`
	DBInstanceClass                  string `xml:",omitempty"` // of instances only
	CACertificateIdentifier          string `xml:",omitempty"` // of instances only
	MasterUserPassword               string `xml:",omitempty"` // AWS shows it as ****
}

// Certificate is that of the server. ValidTill is of the form 2030-01-02T15:04:05Z.
type Certificate struct{ CAIdentifier, ValidTill string }

// ParameterGroup is one that an instance has.
type ParameterGroup struct{ DBParameterGroupName, ParameterApplyStatus string }

// Cluster is an Aurora or Multi-AZ DB cluster. Its members are the instances that name it.
type Cluster struct {
	Region string `xml:"-"` // default: the constant Region

	DBClusterIdentifier              string
	DbClusterResourceId              string
	DBClusterArn                     string
	Status                           string
	Engine                           string
	EngineVersion                    string
	EngineMode                       string
	MasterUsername                   string
	Endpoint                         string
	ReaderEndpoint                   string
	CustomEndpoints                  []string `xml:"CustomEndpoints>member"`
	Port                             int
	IAMDatabaseAuthenticationEnabled bool
	PendingModifiedValues            *Pending `xml:",omitempty"`
	DBClusterParameterGroup          string
	EnabledCloudwatchLogsExports     []string `xml:"EnabledCloudwatchLogsExports>member"`
	PreferredMaintenanceWindow       string
	DBClusterMembers                 []Member `xml:"DBClusterMembers>DBClusterMember"` // filled in from the instances
}

// Member is an instance of a cluster, the first one the writer.
type Member struct {
	DBInstanceIdentifier string
	IsClusterWriter      bool
}

// Proxy is an RDS Proxy.
type Proxy struct {
	Region string `xml:"-"` // default: the constant Region

	DBProxyName       string
	DBProxyArn        string
	Status            string
	EngineFamily      string // POSTGRESQL, MYSQL or SQLSERVER
	Endpoint          string
	RequireTLS        bool
	RoleArn           string
	DefaultAuthScheme string // NONE or IAM_AUTH
	Auth              []Auth `xml:"Auth>member"`
}

// Auth is how clients log in to a proxy with the account in a secret.
type Auth struct{ AuthScheme, IAMAuth, SecretArn, ClientPasswordAuthType string }

// ProxyEndpoint is an additional endpoint of a proxy.
type ProxyEndpoint struct {
	Region string `xml:"-"` // default: the constant Region

	DBProxyEndpointName string
	DBProxyEndpointArn  string
	DBProxyName         string
	Endpoint            string
	Status              string
	TargetRole          string
}

// hash is the part of host names that stands for account and region.
const hash = "abc123"

func hostOf(labels, region string) string { return labels + "." + region + ".rds.amazonaws.com" }

// made returns an id of the form that AWS makes, from a name.
func made(prefix, name string) string {
	id := strings.Map(func(r rune) rune {
		if r == '-' {
			return '0'
		}
		return r
	}, strings.ToUpper(name))
	return prefix + (id + "ABCDEFGHIJKL01234")[:max(17, len(id))]
}

func arnOf(region, kind, name string) string {
	return "arn:aws:rds:" + region + ":" + AccountID + ":" + kind + ":" + name
}

func (i *Instance) complete() {
	i.Region = cmp.Or(i.Region, Region)
	i.DbiResourceId = cmp.Or(i.DbiResourceId, made("db-", i.DBInstanceIdentifier))
	i.DBInstanceArn = cmp.Or(i.DBInstanceArn, arnOf(i.Region, "db", i.DBInstanceIdentifier))
	i.DBInstanceClass = cmp.Or(i.DBInstanceClass, "db.t4g.medium")
	i.DBInstanceStatus = cmp.Or(i.DBInstanceStatus, "available")
	i.Engine = cmp.Or(i.Engine, "postgres")
	i.EngineVersion = cmp.Or(i.EngineVersion, versionOf(i.Engine))
	i.MasterUsername = cmp.Or(i.MasterUsername, "master")
	i.CACertificateIdentifier = cmp.Or(i.CACertificateIdentifier, "rds-ca-rsa2048-g1")
	i.PreferredMaintenanceWindow = cmp.Or(i.PreferredMaintenanceWindow, "mon:03:00-mon:03:30")
	if i.Endpoint == nil && i.DBInstanceStatus != "creating" {
		i.Endpoint = &Address{hostOf(i.DBInstanceIdentifier+"."+hash, i.Region), portOf(i.Engine)}
	}
}

func (c *Cluster) complete() {
	c.Region = cmp.Or(c.Region, Region)
	c.DbClusterResourceId = cmp.Or(c.DbClusterResourceId, made("cluster-", c.DBClusterIdentifier))
	c.DBClusterArn = cmp.Or(c.DBClusterArn, arnOf(c.Region, "cluster", c.DBClusterIdentifier))
	c.Status = cmp.Or(c.Status, "available")
	c.Engine = cmp.Or(c.Engine, "aurora-postgresql")
	c.EngineVersion = cmp.Or(c.EngineVersion, versionOf(c.Engine))
	c.EngineMode = cmp.Or(c.EngineMode, "provisioned")
	c.MasterUsername = cmp.Or(c.MasterUsername, "master")
	c.Port = cmp.Or(c.Port, portOf(c.Engine))
	c.Endpoint = cmp.Or(c.Endpoint, hostOf(c.DBClusterIdentifier+".cluster-"+hash, c.Region))
	c.ReaderEndpoint = cmp.Or(c.ReaderEndpoint, hostOf(c.DBClusterIdentifier+".cluster-ro-"+hash, c.Region))
	c.DBClusterParameterGroup = cmp.Or(c.DBClusterParameterGroup, "default."+c.Engine)
	c.PreferredMaintenanceWindow = cmp.Or(c.PreferredMaintenanceWindow, "mon:03:00-mon:03:30")
}

func (p *Proxy) complete() {
	p.Region = cmp.Or(p.Region, Region)
	p.DBProxyArn = cmp.Or(p.DBProxyArn, arnOf(p.Region, "db-proxy", strings.ToLower(made("prx-", p.DBProxyName))))
	p.Status = cmp.Or(p.Status, "available")
	p.EngineFamily = cmp.Or(p.EngineFamily, "POSTGRESQL")
	p.Endpoint = cmp.Or(p.Endpoint, hostOf(p.DBProxyName+".proxy-"+hash, p.Region))
	p.RoleArn = cmp.Or(p.RoleArn, "arn:aws:iam::"+AccountID+":role/proxy")
	p.DefaultAuthScheme = cmp.Or(p.DefaultAuthScheme, "NONE")
}

func (e *ProxyEndpoint) complete() {
	e.Region = cmp.Or(e.Region, Region)
	e.DBProxyEndpointArn = cmp.Or(e.DBProxyEndpointArn, arnOf(e.Region, "db-proxy-endpoint", strings.ToLower(made("prx-endpoint-", e.DBProxyEndpointName))))
	e.Endpoint = cmp.Or(e.Endpoint, hostOf(e.DBProxyEndpointName+".endpoint.proxy-"+hash, e.Region))
	e.Status = cmp.Or(e.Status, "available")
	e.TargetRole = cmp.Or(e.TargetRole, "READ_WRITE")
}

func versionOf(engine string) string {
	switch {
	case strings.Contains(engine, "postgres"):
		return "16.4"
	case engine == "mariadb":
		return "10.11.9"
	case engine == "aurora-mysql":
		return "8.0.mysql_aurora.3.08.0"
	}
	return "8.0.40"
}

func portOf(engine string) int {
	if strings.Contains(engine, "postgres") {
		return 5432
	}
	return 3306
}
