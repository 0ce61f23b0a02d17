package fakeaws

import (
	"net/http"
	"strconv"
)

func modifyDBInstance(s *Server, c call) (any, *Failure) {
	id := c.Parameters.Get("DBInstanceIdentifier")
	instance := findInstance(s.in(c.Region).instances, id)
	switch {
	case instance == nil:
		return nil, notFound("DBInstanceNotFound", "DBInstance "+id+" not found.")
	case instance.DBInstanceStatus != "available":
		return nil, &Failure{Status: http.StatusBadRequest, Code: "InvalidDBInstanceState", Message: "Database instance is not in available state."}
	case instance.DBClusterIdentifier != "":
		return nil, &Failure{Status: http.StatusBadRequest, Code: "InvalidParameterCombination", Message: "The specified DB Instance is a member of a cluster. Modify the cluster."}
	}
	now, failure := setIAM(c, instance.IAMDatabaseAuthenticationEnabled, &instance.PendingModifiedValues)
	if failure != nil {
		return nil, failure
	}
	answer := *instance
	if now {
		instance.apply()
	}
	return struct{ DBInstance *Instance }{&answer}, nil
}

// apply does what is pending, which is what ApplyImmediately means.
func (i *Instance) apply() {
	pending := i.PendingModifiedValues
	i.PendingModifiedValues = Pending{}
	if pending.IAMDatabaseAuthenticationEnabled != nil {
		i.IAMDatabaseAuthenticationEnabled = *pending.IAMDatabaseAuthenticationEnabled
	}
	if pending.EngineVersion != "" {
		i.EngineVersion = pending.EngineVersion
	}
	if pending.DBInstanceClass != "" {
		i.DBInstanceClass = pending.DBInstanceClass
	}
	if pending.CACertificateIdentifier != "" {
		i.CACertificateIdentifier = pending.CACertificateIdentifier
	}
}

func modifyDBCluster(s *Server, c call) (any, *Failure) {
	id := c.Parameters.Get("DBClusterIdentifier")
	cluster := findCluster(s.in(c.Region).clusters, id)
	switch {
	case cluster == nil:
		return nil, notFound("DBClusterNotFoundFault", "DBCluster "+id+" not found.")
	case cluster.Status != "available":
		return nil, &Failure{Status: http.StatusBadRequest, Code: "InvalidDBClusterStateFault", Message: "The DB cluster is not in the available state."}
	}
	pending := Pending{}
	if cluster.PendingModifiedValues != nil {
		pending = *cluster.PendingModifiedValues
	}
	now, failure := setIAM(c, cluster.IAMDatabaseAuthenticationEnabled, &pending)
	if failure != nil {
		return nil, failure
	}
	cluster.PendingModifiedValues = &pending
	answer := s.in(c.Region).withMembers(cluster)
	if now {
		if pending.IAMDatabaseAuthenticationEnabled != nil {
			cluster.IAMDatabaseAuthenticationEnabled = *pending.IAMDatabaseAuthenticationEnabled
		}
		if pending.EngineVersion != "" {
			cluster.EngineVersion = pending.EngineVersion
		}
		cluster.PendingModifiedValues = nil
	}
	return struct{ DBCluster *Cluster }{answer}, nil
}

// setIAM makes the change pending, and reports whether it is to be applied at once.
func setIAM(c call, current bool, pending *Pending) (now bool, failure *Failure) {
	if text := c.Parameters.Get("ApplyImmediately"); text != "" {
		if now, failure = readBool("ApplyImmediately", text); failure != nil {
			return false, failure
		}
	}
	if text := c.Parameters.Get("EnableIAMDatabaseAuthentication"); text != "" {
		enable, failure := readBool("EnableIAMDatabaseAuthentication", text)
		if failure != nil {
			return false, failure
		}
		pending.IAMDatabaseAuthenticationEnabled = nil
		if enable != current {
			pending.IAMDatabaseAuthenticationEnabled = &enable
		}
	}
	return now, nil
}

func readBool(name, text string) (bool, *Failure) {
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, validationError("the parameter " + name + " is neither true nor false: " + text)
	}
	return value, nil
}
