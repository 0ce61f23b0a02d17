package causes

// Rules returns how many rows the table has.
func Rules() int { return len(rules) }

// Row returns the row that explains seen, or -1.
func Row(seen Symptom, kind Kind) int { return row(seen, kind) }

// Sentence returns the text and fix of a code with the fields of login and a name.
func Sentence(code string, login Login, name string) Cause { return newFiller(login, name).cause(code) }

// LoginCodes returns the codes that have words here.
func LoginCodes() []string { return loginCodes() }

// RuleCauses returns the codes that rows have.
func RuleCauses() (codes []string) {
	for _, rule := range rules {
		codes = append(codes, rule.causes...)
	}
	return codes
}
