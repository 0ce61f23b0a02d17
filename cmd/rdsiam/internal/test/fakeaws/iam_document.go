package fakeaws

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam"
)

func checkManaged(document string) *Failure {
	if failure := checkDocument(document); failure != nil {
		return failure
	}
	if sizeOf(document) > int(rdsiam.ManagedPolicyLimit) {
		return limitExceeded("Cannot exceed quota for PolicySize: " + strconv.Itoa(int(rdsiam.ManagedPolicyLimit)))
	}
	return nil
}

// policyName is the pattern that IAM documents.
var policyName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)

func checkPolicyName(name string) *Failure {
	if !policyName.MatchString(name) {
		return validationError("The specified value for policyName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")
	}
	return nil
}

func checkDocument(document string) *Failure {
	if !json.Valid([]byte(document)) {
		return &Failure{Status: http.StatusBadRequest, Code: "MalformedPolicyDocument", Message: "Syntax errors in policy."}
	}
	if _, err := rdsiam.ParsePolicy(document); err != nil {
		return &Failure{Status: http.StatusBadRequest, Code: "MalformedPolicyDocument", Message: err.Error()}
	}
	return nil
}

// sizeOf counts the characters as IAM does, without white space.
func sizeOf(document string) int {
	return len(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n", r) {
			return -1
		}
		return r
	}, document))
}

func noSuchEntity(message string) *Failure { return notFound("NoSuchEntity", message) }

func limitExceeded(message string) *Failure {
	return &Failure{Status: http.StatusConflict, Code: "LimitExceeded", Message: message}
}
