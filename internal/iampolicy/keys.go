package iampolicy

import (
	"slices"
	"strings"
)

// missingKeys are documented to have no value at logins.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
var missingKeys = []string{"aws:referer", "aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:useragent", "aws:vpcsourceip"}

// LacksKey reports whether a condition key has no value at any login: it is documented so, or
// the key is one of another service or of a template. Keys of identity providers may have one.
func LacksKey(key string) bool {
	key = strings.ToLower(key)
	source, name, _ := strings.Cut(key, ":")
	switch {
	case source == "aws":
		return slices.Contains(missingKeys, key) || strings.HasPrefix(name, ":")
	case source == "saml" || source == "identitystore":
		return false
	}
	return name == "" || !strings.Contains(source, ".")
}

// KnowsKey reports whether a condition key or policy variable certainly can have a value at
// logins: it is one of the principal.
func KnowsKey(key string) bool {
	key = strings.ToLower(key)
	switch key {
	case "aws:username", "aws:userid", "aws:principalarn", "aws:principalaccount":
		return true
	}
	return strings.HasPrefix(key, "aws:principaltag/")
}

// values are what is known of the condition keys of a request.
type values struct {
	known  map[string]string // by key in lower case
	absent []string          // in lower case
}

func (r Request) values() values {
	v := values{known: make(map[string]string, len(r.Context))}
	for key, value := range r.Context {
		v.known[strings.ToLower(key)] = value
	}
	for _, key := range r.Absent {
		v.absent = append(v.absent, strings.ToLower(key))
	}
	return v
}

// lookUp returns the value of a key, and whether it has one.
func (v values) lookUp(key string) (value string, exists Truth) {
	key = strings.ToLower(key)
	if value, ok := v.known[key]; ok {
		return value, Yes
	}
	if LacksKey(key) || slices.ContainsFunc(v.absent, func(absent string) bool {
		return key == absent || strings.HasSuffix(absent, "/") && strings.HasPrefix(key, absent)
	}) {
		return "", No
	}
	return "", Undecided
}
