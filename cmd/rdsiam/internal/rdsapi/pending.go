package rdsapi

import (
	"encoding/json"
	"reflect"
	"strings"
)

// pendingChanges names every value that is set in a PendingModifiedValues of the API, except
// for IAM authentication. New versions of the API have new ones, which must not be missed:
// ApplyImmediately applies them all.
func pendingChanges(pending any) []string {
	var changes []string
	fields := reflect.ValueOf(pending)
	for i := range fields.NumField() {
		field := fields.Type().Field(i)
		if !field.IsExported() || field.Name == "IAMDatabaseAuthenticationEnabled" || fields.Field(i).IsZero() {
			continue
		}
		change := field.Name
		if field.Name != "MasterUserPassword" {
			if text, err := json.Marshal(fields.Field(i).Interface()); err == nil {
				change += " " + strings.Trim(string(text), `"`)
			}
		}
		changes = append(changes, change)
	}
	return changes
}
