package rdsiamtest

// account is a database account of the server.
type account struct {
	name     string
	iam      bool   // logs in with a token
	password string // of an account that is not iam; "" never logs in
}

func (s *Server) account(user string) (account, bool) {
	a, ok := s.accounts[user]
	return a, ok
}
