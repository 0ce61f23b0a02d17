package rdsiamtest

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// authenticate asks the client for what its account needs, records the login
// and, if it is refused, tells the client. The order of the rules is that of
// pg_hba.conf on RDS: TLS and rds_iam: pam; rds_iam: reject; TLS: scram-sha-256.
func (f *postgresFront) authenticate() bool {
	account, known := f.account(f.request.user)
	dsql := f.endpointOf(f.request).isDSQL()
	var v verified
	var refusal *Refusal
	switch {
	case dsql && f.request.tls && f.request.serverName == "":
		refusal = &Refusal{ReasonSNI, "the client did not send the server name in its handshake"}
	case !f.request.tls && f.client.tlsMode != TLSUnavailable:
		refusal = &Refusal{ReasonPlaintext, "the client did not ask for TLS"}
	case f.authRequest == RequestMD5:
		refusal = f.askMD5(account)
	case f.authRequest == RequestSCRAM, f.client.tlsMode != TLSUnavailable && !account.iam && !dsql:
		refusal = f.askSCRAM(account)
	default:
		v, refusal = f.askToken()
	}
	refusal = f.client.faultBehind(refusal)
	if refusal != nil && refusal.Reason != ReasonPlaintext {
		refusal = trueReason(refusal, account, known)
	}
	f.record(f.newLogin(f.request, v, refusal))
	f.endLogin(f.client.logIn.Load())
	if refusal == nil {
		return true
	}
	switch {
	case f.client.left():
		// A client that is closing its end still reads, and would take an answer for
		// the server's opinion of its token.
	case refusal.Reason == ReasonPlaintext && f.client.tlsMode != TLSUnavailable:
		f.refuse(f.plaintextText(account))
	case refusal.Reason == ReasonTimeout:
		f.client.SetWriteDeadline(time.Now().Add(postgresFarewell))
		f.refuse("57014", "canceling authentication due to timeout")
	case dsql:
		f.refuseAsDSQL(refusal)
	case refusal.Reason == ReasonThrottled && f.isProxy(f.request):
		f.refuse("28000", "The IAM authentication failed because of too many competing requests.")
	default:
		f.refuse(f.refusalText(account, known))
	}
	return false
}

// trueReason names what is wrong with the account, where that is why the client
// could not answer.
func trueReason(refusal *Refusal, a account, known bool) *Refusal {
	switch {
	case !known:
		return &Refusal{ReasonUnknownUser, refusal.Detail}
	case !a.iam && (a.password == "" || refusal.Reason == ReasonAbandoned):
		return &Refusal{ReasonNotIAM, refusal.Detail}
	default:
		return refusal
	}
}

func abandoned(request string) *Refusal {
	return &Refusal{ReasonAbandoned, "the client ended the connection when it was asked for " + request}
}

// askToken asks for the password in clear. A server without TLS takes what it
// can get, and lets nobody in.
func (f *postgresFront) askToken() (verified, *Refusal) {
	f.backend.Send(&pgproto3.AuthenticationCleartextPassword{})
	password, ok := f.receivePassword(pgproto3.AuthTypeCleartextPassword)
	if !ok {
		return verified{}, abandoned("a password in clear")
	}
	f.request.token = password
	if !f.request.tls {
		return verified{}, &Refusal{ReasonPlaintext, "the client sent its password in clear without TLS"}
	}
	return f.client.judge(f.request)
}

func (f *postgresFront) askMD5(a account) *Refusal {
	var salt [4]byte
	rand.Read(salt[:])
	f.backend.Send(&pgproto3.AuthenticationMD5Password{Salt: salt})
	answer, ok := f.receivePassword(pgproto3.AuthTypeMD5Password)
	if !ok {
		return abandoned("an MD5 hash")
	}
	f.request.token = answer
	want := "md5" + md5Hex(md5Hex(a.password+f.request.user)+string(salt[:]))
	if a.password == "" || subtle.ConstantTimeCompare([]byte(answer), []byte(want)) != 1 {
		return &Refusal{ReasonPassword, "the MD5 hash is not that of the password"}
	}
	return nil
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// receivePassword sends the pending request and returns the answer.
func (f *postgresFront) receivePassword(authType uint32) (string, bool) {
	if f.backend.Flush() != nil || f.backend.SetAuthType(authType) != nil {
		return "", false
	}
	message, err := f.backend.Receive()
	if err != nil {
		return "", false
	}
	password, ok := message.(*pgproto3.PasswordMessage)
	if !ok {
		return "", false
	}
	return password.Password, true
}

// isProxy reports whether the client believes that it talks to an RDS Proxy.
func (s *Server) isProxy(r loginRequest) bool {
	kind := s.endpointOf(r).Kind()
	return kind == rdsiam.KindProxy || kind == rdsiam.KindProxyEndpoint
}

// plaintextText is what a client without TLS is told.
func (f *postgresFront) plaintextText(a account) (code, message string) {
	if f.isProxy(f.request) {
		if a.iam {
			return "28000", "IAM authentication is allowed only with SSL connections."
		}
		return "28000", "This RDS Proxy requires TLS connections."
	}
	said := "no pg_hba.conf entry"
	if a.iam {
		said = "pg_hba.conf rejects connection"
	}
	return "28000", fmt.Sprintf(`%s for host "%s", user "%s", database "%s", no encryption`,
		said, f.client.clientHost(), brief.Name(f.request.user), brief.Name(f.request.database))
}

// refusalText is what a client is told whatever the reason of its refusal. RDS
// documents the texts of RDS Proxy without their SQLSTATE.
func (f *postgresFront) refusalText(a account, known bool) (code, message string) {
	user := brief.Name(f.request.user)
	if f.isProxy(f.request) {
		switch {
		case a.iam:
			return "28000", "The IAM authentication failed for the role " + user + ". Check the IAM token for this role and try again."
		case known && a.password != "":
			return "28P01", "The password that was provided for the role " + user + " is wrong."
		}
		return "28000", "This RDS proxy has no credentials for the role " + user + ". Check the credentials for this role and try again."
	}
	if a.iam {
		return "28000", fmt.Sprintf(`PAM authentication failed for user "%s"`, user)
	}
	return "28P01", fmt.Sprintf(`password authentication failed for user "%s"`, user)
}
