package rdsiam_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/rdsiam/rdsiam"
)

func ExampleResolveEndpoint() {
	endpoint, err := rdsiam.ResolveEndpoint("Prod.cluster-abc123.eu-west-1.rds.amazonaws.com.", 5432)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(endpoint, endpoint.Region(), endpoint.Kind())
	// Output: prod.cluster-abc123.eu-west-1.rds.amazonaws.com:5432 eu-west-1 cluster endpoint
}

// Behind a tunnel the dialled address is this machine's; the token is signed for the
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
	// What go-sql-driver/mysql returns when RDS refuses a log-in by a hook.
	err := errors.New("Error 1524 (HY000): Plugin 'AWSAuthenticationPlugin' is not loaded")
	fmt.Print(rdsiam.Explain(err))
	// Output: 1. IAM database authentication is off or still pending: see IAMDatabaseAuthenticationEnabled and PendingModifiedValues of the instance or cluster
}

func ExamplePolicyDocument() {
	arn, err := rdsiam.NewUserARN("aws", "eu-west-1", "123456789012", "cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I", "app")
	if err != nil {
		log.Fatal(err)
	}
	document, err := rdsiam.PolicyDocument(arn)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", document)
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
