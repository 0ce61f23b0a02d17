package causes

import "slices"

// Rules returns how many rows the table has.
func Rules() int { return len(allRules()) }

// Row returns the row that explains seen, or -1.
func Row(seen Symptom, kind Kind) int {
	return slices.IndexFunc(allRules(), func(rule rule) bool { return rule.matches(&seen, kind) })
}

func allRules() (all []rule) {
	for _, table := range tables {
		all = append(all, table...)
	}
	return all
}

// Sentence returns the text and fix of a code with the fields of login and a name.
func Sentence(code string, login Login, name string) Cause { return newFiller(login, name).cause(code) }

// LoginCodes returns the codes that have words here.
func LoginCodes() []string { return loginCodes() }

// RuleCauses returns the codes that rows have.
func RuleCauses() (codes []string) {
	for _, rule := range allRules() {
		codes = append(codes, rule.causes...)
	}
	return codes
}
