package rdsiamtest_test

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// scramFinal is the last message of a client that knows the password, for a
// message before the proof that may be wrong.
func scramFinal(t *testing.T, password, clientFirst, serverFirst, withoutProof string) string {
	t.Helper()
	saltText := strings.TrimPrefix(strings.Split(serverFirst, ",")[1], "s=")
	salt, err := base64.StdEncoding.DecodeString(saltText)
	if err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, 4096, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	clientKey := mac(salted, "Client Key")
	storedKey := sha256.Sum256(clientKey)
	proof := mac(storedKey[:], clientFirst+","+serverFirst+","+withoutProof)
	subtle.XORBytes(proof, proof, clientKey)
	return withoutProof + ",p=" + base64.StdEncoding.EncodeToString(proof)
}

func TestSCRAM(t *testing.T) {
	const first = "n=,r=clientnonce"
	good := func(t *testing.T, serverFirst string) string {
		nonce := strings.TrimPrefix(strings.Split(serverFirst, ",")[0], "r=")
		return scramFinal(t, "secret", first, serverFirst, "c=biws,r="+nonce)
	}
	tests := []struct {
		name   string
		first  string
		final  func(t *testing.T, serverFirst string) string // nil: refused before
		detail string                                        // "": accepted
	}{
		{"good", "n,," + first, good, ""},
		{"server without channel binding", "y,," + first, func(t *testing.T, serverFirst string) string {
			nonce := strings.TrimPrefix(strings.Split(serverFirst, ",")[0], "r=")
			return scramFinal(t, "secret", first, serverFirst, "c=eSws,r="+nonce)
		}, ""},
		{"channel binding that was not offered", "p=tls-unique,," + first, nil, "does not begin"},
		{"no header", first, nil, "does not begin"},
		{"no nonce", "n,,n=", nil, "no nonce"},
		{"empty nonce", "n,,n=,r=", nil, "no nonce"},
		{"other header in the end", "n,," + first, func(t *testing.T, serverFirst string) string {
			nonce := strings.TrimPrefix(strings.Split(serverFirst, ",")[0], "r=")
			return scramFinal(t, "secret", first, serverFirst, "c=eSws,r="+nonce)
		}, "another nonce or channel binding"},
		{"own nonce only", "n,," + first, func(t *testing.T, serverFirst string) string {
			return scramFinal(t, "secret", first, serverFirst, "c=biws,r=clientnonce")
		}, "another nonce or channel binding"},
		{"no proof", "n,," + first, func(t *testing.T, serverFirst string) string {
			final, _, _ := strings.Cut(good(t, serverFirst), ",p=")
			return final
		}, "no proof"},
		{"proof is not base64", "n,," + first, func(t *testing.T, serverFirst string) string {
			return good(t, serverFirst) + "!"
		}, "32 bytes in base64"},
		{"short proof", "n,," + first, func(t *testing.T, serverFirst string) string {
			final, _, _ := strings.Cut(good(t, serverFirst), ",p=")
			return final + ",p=AAAA"
		}, "32 bytes in base64"},
		{"other password", "n,," + first, func(t *testing.T, serverFirst string) string {
			nonce := strings.TrimPrefix(strings.Split(serverFirst, ",")[0], "r=")
			return scramFinal(t, "Secret", first, serverFirst, "c=biws,r="+nonce)
		}, "not that of the password"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithInMemory(), rdsiamtest.WithPasswordUser("old", "secret"))
				stream, frontend := startUp(t, server, "old")
				wantMessage[*pgproto3.AuthenticationSASL](t, frontend)
				writeAll(t, stream, &pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte(test.first)})
				if test.final != nil {
					challenge := wantMessage[*pgproto3.AuthenticationSASLContinue](t, frontend)
					writeAll(t, stream, &pgproto3.SASLResponse{Data: []byte(test.final(t, string(challenge.Data)))})
				}
				if test.detail == "" {
					wantMessage[*pgproto3.AuthenticationSASLFinal](t, frontend)
					wantMessage[*pgproto3.AuthenticationOk](t, frontend)
				} else if said := wantMessage[*pgproto3.ErrorResponse](t, frontend); said.Code != "28P01" {
					t.Errorf("server said %s %q", said.Code, said.Message)
				}
				got := lastLogin(t, server)
				if got.Accepted != (test.detail == "") || !strings.Contains(got.Detail, test.detail) {
					t.Errorf("login = %+v, want detail %q", got, test.detail)
				}
			})
		})
	}
}
