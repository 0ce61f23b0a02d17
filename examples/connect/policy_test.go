package connect

import (
	"strings"
	"testing"

	"github.com/rdsiam/rdsiam"
)

func Example_printPolicy() {
	if err := printPolicy(); err != nil {
		panic(err)
	}
	// Output: {
	//   "Version": "2012-10-17",
	//   "Statement": [
	//     {
	//       "Effect": "Allow",
	//       "Action": "rds-db:connect",
	//       "Resource": [
	//         "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I/app",
	//         "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I/batch"
	//       ]
	//     }
	//   ]
	// }
}

func TestPatternPolicies(t *testing.T) {
	parts, err := patternPolicies(rdsiam.Resource{Region: "eu-west-1", AccountID: "123456789012", ID: "prx-0abc12def"})
	if err != nil || len(parts) != 1 || !strings.Contains(parts[0].JSON(), "dbuser:prx-0abc12def/report_*") {
		t.Errorf("%v, %v", parts, err)
	}
}

func Example_checkPolicy() {
	app, err := rdsiam.Resource{Region: "eu-west-1", AccountID: "123456789012", ID: "prx-0abc12def"}.User("app")
	if err != nil {
		panic(err)
	}
	if err := checkPolicy(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "rds-db:connect",
		"Resource": "`+app.String()+`"}}`, app); err != nil {
		panic(err)
	}
	// Output: true
}
