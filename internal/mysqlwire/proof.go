package mysqlwire

// CheckProof reports whether the client has shown that it knows password. Unlike
// [Server.CheckPassword] it never asks for the password itself, which without TLS
// anybody could read, and it takes the client at its plugin: [CachingSHA2], or
// [NativePassword] of a client that knows no other. An empty password is nobody's.
func (s *Server) CheckProof(password string) (bool, error) {
	plugin, answer, err := s.proof()
	if err != nil {
		return false, err
	}
	want := cachingSHA2Answer
	if plugin == NativePassword {
		want = nativeAnswer
	}
	if password == "" || !equal(answer, want(password, s.Greeting.Scramble)) {
		return false, nil
	}
	s.endProof(plugin, answer)
	return true, nil
}

// Accept lets a client in whatever password it has: what it waits for before an OK is
// sent with that.
func (s *Server) Accept() error {
	plugin, answer, err := s.proof()
	if err == nil {
		s.endProof(plugin, answer)
	}
	return err
}

// proof returns the hash of a password that the client has sent, or sends now.
func (s *Server) proof() (plugin string, answer []byte, err error) {
	// What clients of MariaDB say that do not know the plugin of the greeting.
	const fallback = "dummy_fallback_auth"
	switch plugin = s.Response.Plugin; plugin {
	case NativePassword, CachingSHA2:
		return plugin, s.Response.Answer, nil
	case fallback:
		plugin = NativePassword
	default:
		plugin = CachingSHA2
	}
	answer, err = s.Ask(plugin)
	return plugin, answer, err
}

// endProof tells a client that has sent a hash by [CachingSHA2] that it will do.
func (s *Server) endProof(plugin string, answer []byte) {
	const hashSize = 32
	if plugin == CachingSHA2 && len(answer) == hashSize {
		s.Packets.Queue([]byte{PacketMoreData, fastAuthOK})
	}
}
