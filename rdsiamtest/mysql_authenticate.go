package rdsiamtest

import (
	"crypto/subtle"
	"errors"
	"strings"
)

// ReasonChangeUser is that of a MySQL client which asked for another account on
// an open connection. That is always refused.
const ReasonChangeUser Reason = "change of account on an open connection"

var errMySQLNoSwitch = errors.New("the client can't change its authentication plugin")

// authenticate asks for what the account logs in with, and checks it. A nil
// refusal means that the client may in.
func (f *mysqlFront) authenticate() (verified, *Refusal) {
	if !f.attempt.tls && f.server.tlsMode != TLSUnavailable {
		// Servers of RDS ask for the token first and refuse then. Refusing first
		// keeps a test's mistake from sending it.
		return verified{}, &Refusal{Reason: ReasonPlaintext, Detail: "refused before the client was asked for anything"}
	}
	token, refusal := f.checkAccount()
	if !f.attempt.tls && (refusal == nil || refusal.Reason != ReasonAbandoned) {
		refusal = &Refusal{Reason: ReasonPlaintext, Detail: "the client answered without TLS"}
	}
	return token, refusal
}

func (f *mysqlFront) checkAccount() (verified, *Refusal) {
	s := f.server
	account, known := s.account(f.attempt.user)
	if s.authRequest != RequestToken || !account.iam && s.tlsMode != TLSUnavailable {
		return verified{}, f.checkPassword(account, known)
	}
	answer, err := f.answer(mysqlClearPassword)
	if err != nil {
		return verified{}, abandonedMySQL(err)
	}
	f.attempt.token = clearMySQLPassword(answer)
	return s.verify(f.attempt)
}

func abandonedMySQL(err error) *Refusal {
	return &Refusal{Reason: ReasonAbandoned, Detail: err.Error()}
}

// answer returns what a plugin of the client answers. If the client used another
// one, it is asked to switch.
func (f *mysqlFront) answer(plugin string) ([]byte, error) {
	if f.response.plugin == plugin {
		return f.response.answer, nil
	}
	if !f.response.capabilities.has(mysqlPluginAuth) {
		return nil, errMySQLNoSwitch
	}
	request := appendMySQLTerminated([]byte{mysqlAuthSwitch}, plugin)
	if plugin != mysqlClearPassword {
		request = appendMySQLTerminated(request, string(f.greeting.scramble))
	}
	return f.converse(request)
}

func (f *mysqlFront) converse(request []byte) ([]byte, error) {
	if err := f.packets.write(request); err != nil {
		return nil, err
	}
	answer, err := f.packets.read()
	f.proved = f.proved || len(answer) > 0
	return answer, err
}

// checkPassword asks with the plugin that the greeting names, as a server does
// for its password accounts, and for accounts that don't exist so that a client
// can't tell.
func (f *mysqlFront) checkPassword(a account, known bool) *Refusal {
	answer, err := f.answer(f.greeting.plugin)
	if err != nil {
		return abandonedMySQL(err)
	}
	usable := known && !a.iam && a.password != ""
	if f.greeting.plugin == mysqlNativePassword {
		if usable && equalMySQL(answer, mysqlNativeAnswer(a.password, f.greeting.scramble)) {
			return nil
		}
		return f.passwordRefusal(a, known)
	}
	if usable && equalMySQL(answer, mysqlCachingSHA2Answer(a.password, f.greeting.scramble)) {
		f.packets.queue([]byte{mysqlMoreData, mysqlFastAuthOK})
		return nil
	}
	if clearMySQLPassword(answer) == "" {
		return f.passwordRefusal(a, known) // an empty password is not asked for again
	}
	full, err := f.converse([]byte{mysqlMoreData, mysqlFullAuth})
	if err != nil {
		return abandonedMySQL(err)
	}
	f.attempt.token = clearMySQLPassword(full)
	if usable && equalMySQL([]byte(f.attempt.token), []byte(a.password)) {
		return nil
	}
	return f.passwordRefusal(a, known)
}

func equalMySQL(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func (f *mysqlFront) passwordRefusal(a account, known bool) *Refusal {
	switch {
	case !known:
		return &Refusal{Reason: ReasonUnknownUser, Detail: "no account has this name"}
	case a.iam:
		return &Refusal{Reason: ReasonPassword, Detail: "the server was told by WithAuthRequest to ask for " + f.greeting.plugin}
	case strings.Contains(f.attempt.token, "X-Amz-Signature="):
		return &Refusal{Reason: ReasonNotIAM, Detail: "a token came for an account that logs in with a password"}
	}
	return &Refusal{Reason: ReasonPassword, Detail: "wrong " + f.greeting.plugin}
}
