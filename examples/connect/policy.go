package connect

import (
	"fmt"

	"github.com/rdsiam/rdsiam"
)

func printPolicy() error {
	orders := rdsiam.Resource{Region: "eu-west-1", AccountID: "123456789012", ID: "cluster-CO4FHMOYDKJ7CVBEJS2UWDQX7I"}
	app, err := orders.User("app")
	if err != nil {
		return err
	}
	batch, err := orders.User("batch")
	if err != nil {
		return err
	}
	policy, err := rdsiam.NewPolicy(app, batch)
	if err != nil {
		return err
	}
	fmt.Print(policy.JSON())
	return nil
}

// patternPolicies lets identities log in as the user of their tag, or of a pattern.
func patternPolicies(orders rdsiam.Resource) ([]rdsiam.PolicyPart, error) {
	own, err := orders.UserPattern("${aws:PrincipalTag/dbuser}") // what the identity's tag says
	if err != nil {
		return nil, err
	}
	reports, err := orders.UserPattern("report_*")
	if err != nil {
		return nil, err
	}
	policy, err := rdsiam.NewPolicy(own, reports)
	if err != nil {
		return nil, err
	}
	parts, err := policy.Split(rdsiam.ManagedPolicyLimit)
	return parts, err
}

// checkPolicy prints what is wrong in a policy, and whether it lets the user log in.
func checkPolicy(text string, app rdsiam.UserARN) error {
	policy, err := rdsiam.ParsePolicy(text) // also as the IAM API returns it, percent-encoded
	if err != nil {
		return err
	}
	for _, finding := range policy.Lint() {
		fmt.Println(finding)
	}
	fmt.Println(policy.Allows(app))
	return nil
}
