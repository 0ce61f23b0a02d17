package rdsiam_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsiam/rdsiam"
	rdsmysql "github.com/rdsiam/rdsiam/mysql"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// An observer sees every step of a login, here for metrics: how long it took, and whether
// a token was signed for it or reused.
func ExampleWithObserver() {
	server, err := rdsiamtest.NewMySQL(rdsiamtest.WithIAMUser("app")) // in place of RDS
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	config, err := mysql.ParseDSN(server.DSN("app"))
	if err != nil {
		log.Fatal(err)
	}
	config.DialFunc = server.DialContext
	my, err := rdsmysql.New(config, rdsiam.WithRootCAs(server.RootCAs()))
	if err != nil {
		log.Fatal(err)
	}
	count := func(ctx context.Context, event rdsiam.Event) {
		fmt.Println(event.Kind, event.Duration > 0, event.Err)
	}
	tokens := rdsiam.NewTokenSource(server.Credentials())
	db := sql.OpenDB(rdsiam.NewConnector(my, tokens, rdsiam.WithObserver(count)))
	defer db.Close()
	if err := db.Ping(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// login started false <nil>
	// token signed true <nil>
	// login succeeded true <nil>
}

func ExampleResolveEndpoint() {
	endpoint, err := rdsiam.ResolveEndpoint("Prod.cluster-abc123.eu-west-1.rds.amazonaws.com.", 5432)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(endpoint, endpoint.Region(), endpoint.Kind())
	// Output: prod.cluster-abc123.eu-west-1.rds.amazonaws.com:5432 eu-west-1 cluster endpoint
}

// Behind a tunnel the dialed address is this machine's; the token is signed for the
// database, and its certificate must be the database's.
func ExampleWithEndpoint() {
	endpoint, err := rdsiam.ResolveEndpoint("127.0.0.1:15432", 5432,
		rdsiam.WithEndpoint("prod.cluster-abc123.eu-west-1.rds.amazonaws.com"))
	if err != nil {
		log.Fatal(err)
	}
	tlsConfig, err := endpoint.TLSConfig(nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(endpoint)
	fmt.Println(tlsConfig.ServerName)
	// Output:
	// prod.cluster-abc123.eu-west-1.rds.amazonaws.com:5432
	// prod.cluster-abc123.eu-west-1.rds.amazonaws.com
}

func ExampleExplain() {
	// What go-sql-driver/mysql returns when RDS refuses a login by a hook.
	err := errors.New("Error 1524 (HY000): Plugin 'AWSAuthenticationPlugin' is not loaded")
	fmt.Print(rdsiam.Explain(err))
	// Output: 1. IAM database authentication is off or still pending: see IAMDatabaseAuthenticationEnabled and PendingModifiedValues of the instance or cluster
}

func ExampleNewPolicy() {
	orders := rdsiam.Resource{Region: "eu-west-1", AccountID: "123456789012", ID: "cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I"}
	app, err := orders.User("app")
	if err != nil {
		log.Fatal(err)
	}
	policy, err := rdsiam.NewPolicy(app)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(policy.JSON())
	// Output: {
	//   "Version": "2012-10-17",
	//   "Statement": [
	//     {
	//       "Effect": "Allow",
	//       "Action": "rds-db:connect",
	//       "Resource": [
	//         "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I/app"
	//       ]
	//     }
	//   ]
	// }
}

// Each IAM user or role may log in as the database user that its tag names.
func ExampleResource_UserPattern() {
	orders := rdsiam.Resource{Region: "eu-west-1", AccountID: "123456789012", ID: "prx-0abc12def"}
	own, err := orders.UserPattern("${aws:PrincipalTag/dbuser}")
	if err != nil {
		log.Fatal(err)
	}
	policy, err := rdsiam.NewPolicy(own)
	if err != nil {
		log.Fatal(err)
	}
	terraform, err := policy.Terraform("orders")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(terraform)
	// Output: data "aws_iam_policy_document" "orders" {
	//   version = "2012-10-17"
	//
	//   statement {
	//     effect  = "Allow"
	//     actions = ["rds-db:connect"]
	//     resources = [
	//       "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-0abc12def/$${aws:PrincipalTag/dbuser}",
	//     ]
	//   }
	// }
}

func ExamplePolicy_Lint() {
	policy, err := rdsiam.ParsePolicy(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect",
		"Resource": "arn:aws:rds-db:eu-west-1:123456789012:dbuser:orders-prod/app"}}`)
	if err != nil {
		log.Fatal(err)
	}
	for _, finding := range policy.Lint() {
		fmt.Println(finding.Severity, finding.Code, "-", finding.Fix)
	}
	// Output: error resource-id - give DbiResourceId, DbClusterResourceId or the last part of DBProxyArn, not the name of the database
}
