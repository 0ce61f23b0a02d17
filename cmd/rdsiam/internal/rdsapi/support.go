package rdsapi

import (
	"slices"
	"strings"
)

// Support says whether an engine can have IAM authentication.
type Support struct {
	Known     bool // false: this program does not know the engine or version
	Supported bool
	Reason    string // in a few words, "" where it is supported without exceptions
}

// mariaDBVersions have IAM authentication.
var mariaDBVersions = []string{"10.11", "11.4", "11.8"}

// IAMSupport says whether the engine of the database can have IAM authentication. AWS has the
// last word: it depends on the region too.
//
// See "Supported Regions and DB engines for IAM database authentication" in the Amazon RDS
// and Aurora user guides.
func (d *Database) IAMSupport() Support {
	engine := d.Engine
	switch {
	case d.Type == TypeProxy && engine == "SQLSERVER":
		return Support{Known: true, Reason: "with SQL Server, where the token is no password, which rdsiam does not support"}
	case d.Type == TypeProxy, engine == "postgres", engine == "mysql", engine == "aurora-postgresql":
		return Support{Known: true, Supported: true}
	case engine == "aurora-mysql":
		for _, instance := range d.Instances {
			if instance.Class == "db.t2.small" || instance.Class == "db.t3.small" {
				return Support{Known: true, Reason: "not on " + instance.Class + ", which " + instance.Name + " is"}
			}
		}
		return Support{Known: true, Supported: true}
	case engine == "mariadb":
		return mariaDBSupport(d.EngineVersion)
	}
	for _, without := range []string{"oracle", "sqlserver", "db2", "custom-"} {
		if strings.HasPrefix(engine, without) {
			return Support{Known: true, Reason: "RDS has no IAM authentication for " + engine}
		}
	}
	return Support{Reason: "the engine " + engine + " is not known"}
}

func mariaDBSupport(version string) Support {
	known := strings.Join(mariaDBVersions, ", ")
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return Support{Reason: "the version " + version + " is not known"}
	}
	switch series := parts[0] + "." + parts[1]; {
	case slices.Contains(mariaDBVersions, series):
		return Support{Known: true, Supported: true}
	case parts[0] == "10":
		return Support{Known: true, Reason: "MariaDB has it in the versions " + known}
	default:
		return Support{Reason: "MariaDB was known to have it in the versions " + known}
	}
}
