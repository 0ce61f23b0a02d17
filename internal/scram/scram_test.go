package scram_test

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/internal/scram"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// prove is the client's last message and the server's answer to it, by RFC 5802.
func prove(t *testing.T, password, clientFirst, serverFirst, withoutProof string) (final, answer string) {
	t.Helper()
	salt, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.Split(serverFirst, ",")[1], "s="))
	if err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, 4096, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	message := clientFirst + "," + serverFirst + "," + withoutProof
	clientKey := mac(salted, "Client Key")
	storedKey := sha256.Sum256(clientKey)
	proof := mac(storedKey[:], message)
	subtle.XORBytes(proof, proof, clientKey)
	return withoutProof + ",p=" + base64.StdEncoding.EncodeToString(proof),
		"v=" + base64.StdEncoding.EncodeToString(mac(mac(salted, "Server Key"), message))
}

func TestExchange(t *testing.T) {
	const bare = "n=,r=clientnonce"
	tests := []struct {
		name, first, password string
		withoutProof          func(nonce string) string
		want                  string // in the error, "" for none
	}{
		{"good", "n,," + bare, "secret", func(nonce string) string { return "c=biws,r=" + nonce }, ""},
		{"client that could bind the channel", "y,," + bare, "secret", func(nonce string) string { return "c=eSws,r=" + nonce }, ""},
		{"wrong password", "n,," + bare, "Secret", func(nonce string) string { return "c=biws,r=" + nonce }, "not that of the password"},
		{"another header", "n,," + bare, "secret", func(nonce string) string { return "c=eSws,r=" + nonce }, "channel binding"},
		{"only its own nonce", "n,," + bare, "secret", func(string) string { return "c=biws,r=clientnonce" }, "another nonce"},
		{"channel binding", "p=tls-unique,," + bare, "", nil, "does not begin"},
		{"no nonce", "n,,n=,r=", "", nil, "no nonce"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			secret, err := scram.NewSecret("secret")
			if err != nil {
				t.Fatal(err)
			}
			exchange, err := secret.Begin(tt.first)
			if err == nil {
				serverFirst := exchange.ServerFirst()
				nonce := strings.TrimPrefix(strings.Split(serverFirst, ",")[0], "r=")
				if !strings.HasPrefix(nonce, "clientnonce") || nonce == "clientnonce" {
					t.Errorf("nonce %q, want the client's with more behind", nonce)
				}
				final, want := prove(t, tt.password, bare, serverFirst, tt.withoutProof(nonce))
				var got string
				if got, err = exchange.Finish(final); err == nil && got != want {
					t.Errorf("the server proves itself by %q, want %q", got, want)
				}
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzExchange(f *testing.F) {
	secret, err := scram.NewSecret("secret")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("n,,n=,r=nonce", "c=biws,r=nonce,p=AAAA")
	f.Fuzz(func(t *testing.T, first, final string) {
		if exchange, err := secret.Begin(first); err == nil {
			if _, err := exchange.Finish(final); err == nil {
				t.Errorf("%q and %q prove a password", first, final)
			}
		}
	})
}
