package cli

import (
	"time"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// statusReport is what status says to programs.
type statusReport struct {
	Type              rdsapi.Type      `json:"type"`
	Name              string           `json:"name"`
	ARN               string           `json:"arn"`
	ResourceID        string           `json:"resource_id"`
	AccountID         string           `json:"account_id"`
	Region            string           `json:"region"`
	Status            string           `json:"status"`
	Engine            string           `json:"engine"`
	EngineVersion     string           `json:"engine_version,omitempty"`
	IAM               bool             `json:"iam"`
	PendingIAM        *bool            `json:"pending_iam"`
	Pending           []string         `json:"pending"`
	MaintenanceWindow string           `json:"maintenance_window,omitempty"`
	Support           string           `json:"support"` // yes, no, unknown
	SupportReason     string           `json:"support_reason,omitempty"`
	Instances         []statusInstance `json:"instances"`
	Proxy             *statusProxy     `json:"proxy,omitempty"`
}

type statusInstance struct {
	Name             string     `json:"name"`
	Status           string     `json:"status"`
	Class            string     `json:"class"`
	CA               string     `json:"ca"`
	CertificateUntil *time.Time `json:"certificate_until"`
	ParameterGroups  []string   `json:"parameter_groups"`
}

type statusProxy struct {
	RequireTLS        bool         `json:"require_tls"`
	DefaultAuthScheme string       `json:"default_auth_scheme"`
	RoleARN           string       `json:"role_arn"`
	Auth              []statusAuth `json:"auth"`
}

type statusAuth struct {
	IAMAuth   string `json:"iam_auth"`
	SecretARN string `json:"secret_arn"`
}

func newStatusReport(db *rdsapi.Database) statusReport {
	support := db.IAMSupport()
	report := statusReport{
		Type: db.Type, Name: db.Name, ARN: db.ARN, ResourceID: db.Resource.ID, AccountID: db.Resource.AccountID, Region: db.Resource.Region,
		Status: db.Status, Engine: db.Engine, EngineVersion: db.EngineVersion, IAM: db.IAM, PendingIAM: db.PendingIAM,
		Pending: append([]string{}, db.Pending...), MaintenanceWindow: db.MaintenanceWindow,
		Support: supportWord(support), SupportReason: support.Reason, Instances: []statusInstance{},
	}
	for _, i := range db.Instances {
		instance := statusInstance{Name: i.Name, Status: i.Status, Class: i.Class, CA: i.CA, ParameterGroups: []string{}}
		if !i.CertificateUntil.IsZero() {
			instance.CertificateUntil = &i.CertificateUntil
		}
		for _, group := range i.ParameterGroups {
			instance.ParameterGroups = append(instance.ParameterGroups, group.Name)
		}
		report.Instances = append(report.Instances, instance)
	}
	if p := db.Proxy; p != nil {
		report.Proxy = &statusProxy{p.RequireTLS, p.DefaultAuthScheme, p.RoleARN, []statusAuth{}}
		for _, auth := range p.Auth {
			report.Proxy.Auth = append(report.Proxy.Auth, statusAuth(auth))
		}
	}
	return report
}

func supportWord(s rdsapi.Support) string {
	switch {
	case !s.Known:
		return "unknown"
	case s.Supported:
		return "yes"
	}
	return "no"
}
