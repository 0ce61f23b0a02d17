package rdsiamtest

import (
	"strings"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// ReasonChangeUser is that of a MySQL client which asked for another account on
// an open connection. That is always refused.
const ReasonChangeUser Reason = "change of account on an open connection"

// authenticate asks for what the account logs in with, and checks it. A nil
// refusal means that the client may in.
func (f *mysqlFront) authenticate() (verified, *Refusal) {
	if !f.request.tls && f.conn.tlsMode != TLSUnavailable {
		// Servers of RDS ask for the token first and refuse then. Refusing first
		// keeps a test's mistake from sending it.
		return verified{}, &Refusal{Reason: ReasonPlaintext, Detail: "refused before the client was asked for anything"}
	}
	token, refusal := f.checkAccount()
	if !f.request.tls && (refusal == nil || refusal.Reason != ReasonAbandoned) {
		refusal = &Refusal{Reason: ReasonPlaintext, Detail: "the client answered without TLS"}
	}
	return token, refusal
}

func (f *mysqlFront) checkAccount() (verified, *Refusal) {
	s := f.server
	account, known := s.account(f.request.user)
	if s.authRequest != RequestToken || !account.iam && f.conn.tlsMode != TLSUnavailable {
		return verified{}, f.checkPassword(account, known)
	}
	answer, err := f.client.Ask(mysqlwire.ClearPassword)
	if err != nil {
		return verified{}, abandonedMySQL(err)
	}
	f.request.token = mysqlwire.ClearText(answer)
	return f.conn.judge(f.request)
}

func abandonedMySQL(err error) *Refusal {
	return &Refusal{Reason: ReasonAbandoned, Detail: err.Error()}
}

// checkPassword asks with the plugin that the greeting names, as a server does
// for its password accounts, and for accounts that don't exist so that a client
// can't tell.
func (f *mysqlFront) checkPassword(a account, known bool) *Refusal {
	password := ""
	if known && !a.iam {
		password = a.password
	}
	ok, clear, err := f.client.CheckPassword(password)
	f.request.token = clear
	switch {
	case err != nil:
		return abandonedMySQL(err)
	case ok:
		return nil
	default:
		return f.passwordRefusal(a, known)
	}
}

func (f *mysqlFront) passwordRefusal(a account, known bool) *Refusal {
	switch {
	case !known:
		return &Refusal{Reason: ReasonUnknownUser, Detail: "no account has this name"}
	case a.iam:
		return &Refusal{Reason: ReasonPassword, Detail: "the server was told by WithAuthRequest to ask for " + f.client.Greeting.Plugin}
	case strings.Contains(f.request.token, "X-Amz-Signature="):
		return &Refusal{Reason: ReasonNotIAM, Detail: "a token came for an account that logs in with a password"}
	}
	return &Refusal{Reason: ReasonPassword, Detail: "wrong " + f.client.Greeting.Plugin}
}
