// Package client runs other people's database clients so that they log in with a token
// and verify the server they send it to.
//
// The token travels through the environment, which only the user's own processes can
// read, never through the arguments, which everybody on the machine can.
package client

import "slices"

// Login is what a client has to be told.
type Login struct {
	Host    string // the name that the server's certificate must have
	Address string // the IP address to dial where that is not Host's, or ""
	Port    uint16 // the port to dial

	User     string
	Database string // "" leaves it to the client
	Token    string

	RootsFile string // PEM file of the certificate authorities to trust
	// CleartextOnly refuses servers that ask for anything but a token.
	CleartextOnly bool
}

// Environment is what the variables of a client's process must be.
type Environment struct {
	Set   []Variable
	Unset []string // would take precedence over what is set
}

// Variable is one variable of the environment.
type Variable struct{ Name, Value string }

// Apply returns environ, a list of name=value, with the changes made.
func (e Environment) Apply(environ []string) []string {
	changed := slices.Clone(e.Unset)
	for _, variable := range e.Set {
		changed = append(changed, variable.Name)
	}
	applied := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		return slices.ContainsFunc(changed, func(name string) bool {
			return len(entry) > len(name) && entry[len(name)] == '=' && entry[:len(name)] == name
		})
	})
	for _, variable := range e.Set {
		applied = append(applied, variable.Name+"="+variable.Value)
	}
	return applied
}
