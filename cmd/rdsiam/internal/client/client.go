// Package client runs other people's database clients behind a proxy that serves nobody
// else. They receive no token: what their arguments, variables and option files say about
// servers and TLS is theirs to decide.
package client

import "slices"

// Proxy is where the proxy of a client listens.
type Proxy struct {
	// Directory is the client's own. It has the socket, and option files.
	Directory string `json:"directory"`
	// Socket is the path of the socket, "" on TCP.
	Socket string `json:"socket,omitempty"`
	// Port on the loopback address, 0 for a socket.
	Port uint16 `json:"port,omitempty"`
	// Password of the proxy itself on TCP. It is no token, and dies with the proxy.
	Password string `json:"password,omitempty"`
}

// loopback is the address of a proxy on TCP.
const loopback = "127.0.0.1"

// Login is what a client needs to log in.
type Login struct {
	Proxy
	User     string
	Database string // "" leaves it to the client
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

func (e *Environment) setOrUnset(name, value string) {
	if value == "" {
		e.Unset = append(e.Unset, name)
		return
	}
	e.Set = append(e.Set, Variable{name, value})
}
