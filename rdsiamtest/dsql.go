package rdsiamtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/rdsiam/rdsiam"
	iamtoken "github.com/rdsiam/rdsiam/internal/token"
	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// isDSQL reports whether the rules are those of Aurora DSQL: tokens of another service, which
// name no port and no user and live as long as they say, policies on clusters, and refusals
// with another code.
func (e endpoint) isDSQL() bool { return e.Kind() == rdsiam.KindDSQL }

// dsqlAction is what a user asks IAM for. WithIAMUser stands for AWS IAM GRANT: every role of
// it is granted to every identity.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/authentication-authorization.html
func dsqlAction(user string) string {
	if user == "admin" {
		return iamtoken.DBConnectAdmin
	}
	return iamtoken.DBConnect
}

// clusterARN is what dsql:DbConnect and dsql:DbConnectAdmin are evaluated for.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonauroradsql.html
func (s *Server) clusterARN(e endpoint) string {
	id, _, _ := strings.Cut(e.Host(), ".")
	return fmt.Sprintf("arn:%s:dsql:%s:%s:cluster/%s", e.Partition(), e.Region(), s.accountID, id)
}

// checkDSQLTarget compares what a token says it is for with a login to a cluster.
func (t token) checkDSQLTarget(e endpoint, user string) *Refusal {
	switch action := dsqlAction(user); {
	case t.Service != iamtoken.DSQL:
		return &Refusal{ReasonMalformed, "it is a token for RDS, and the server is a cluster of Aurora DSQL"}
	case !strings.EqualFold(t.Host, e.Host()):
		return &Refusal{ReasonHost, fmt.Sprintf("the token is for host %q, the server is %q", brief.Name(t.Host), e.Host())}
	case t.Port != "":
		return &Refusal{ReasonPort, fmt.Sprintf("the token is for port %q, and those of Aurora DSQL name none", brief.Name(t.Port))}
	case t.Region != e.Region():
		return &Refusal{ReasonRegion, fmt.Sprintf("the token is for region %q, the server is in %q", brief.Name(t.Region), e.Region())}
	case t.Action != action:
		return &Refusal{ReasonUser, fmt.Sprintf("Wrong user to action mapping. user: %s, action: %s", brief.Name(user), t.Action)}
	}
	return nil
}

// lifetimeOf returns how long a server takes a token.
func lifetimeOf(t token) time.Duration {
	if t.Service == iamtoken.DSQL {
		return t.Lifetime
	}
	return tokenLifetime
}

// refuseAsDSQL tells the client what Aurora DSQL does: little in the message, and the reason
// in the hint.
func (f *postgresFront) refuseAsDSQL(refusal *Refusal) {
	const refused = "unable to accept connection, "
	switch refusal.Reason {
	case ReasonThrottled:
		f.refuseWithHint("53400", "Unable to accept connection, rate exceeded.", "")
	case ReasonUser:
		f.refuseWithHint("08006", refused+"access denied", refusal.Detail)
	case ReasonExpired:
		f.refuseWithHint("08006", refused+"access denied", "Signature expired: "+refusal.Detail)
	case ReasonPolicy:
		f.refuseWithHint("08006", refused+"access denied",
			"User is not authorized to perform: dsql:"+dsqlAction(f.request.user)+" on resource: "+f.clusterARN(f.endpointOf(f.request)))
	case ReasonUnknownUser, ReasonNotIAM:
		f.refuseWithHint("08006", refused+"access denied", fmt.Sprintf(`IAM authentication failed for user "%s"`, brief.Name(f.request.user)))
	case ReasonSNI:
		f.refuseWithHint("08006", refused+"sni was not received", "")
	default:
		f.refuseWithHint("08006", refused+"access denied", "")
	}
}
