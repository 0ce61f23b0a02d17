package mysqlwire

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"hash"
)

// nativeAnswer is what a client proves a password with in
// mysql_native_password:
// SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))).
func nativeAnswer(password string, scramble []byte) []byte {
	if password == "" {
		return nil
	}
	once := digest(sha1.New(), []byte(password))
	twice := digest(sha1.New(), once)
	answer := digest(sha1.New(), scramble, twice)
	subtle.XORBytes(answer, answer, once)
	return answer
}

// cachingSHA2Answer is the same for caching_sha2_password, where the order
// differs: SHA256(password) XOR SHA256(SHA256(SHA256(password)) + scramble).
func cachingSHA2Answer(password string, scramble []byte) []byte {
	if password == "" {
		return nil
	}
	once := digest(sha256.New(), []byte(password))
	twice := digest(sha256.New(), once)
	answer := digest(sha256.New(), twice, scramble)
	subtle.XORBytes(answer, answer, once)
	return answer
}

func digest(h hash.Hash, parts ...[]byte) []byte {
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// encryptPassword hides a password for a server without TLS, with the
// public key that it sent.
func encryptPassword(password string, scramble, publicKey []byte) ([]byte, error) {
	block, _ := pem.Decode(publicKey)
	if block == nil {
		return nil, errors.New("the server sent no public key")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the public key of the server is not RSA")
	}
	mixed := append([]byte(password), 0)
	for i := range mixed {
		mixed[i] ^= scramble[i%len(scramble)]
	}
	return rsa.EncryptOAEP(sha1.New(), rand.Reader, key, mixed, nil)
}

// ClearText is the text of an answer to [ClearPassword], which is not mixed with
// anything.
func ClearText(answer []byte) string {
	return string(bytes.TrimSuffix(answer, []byte{0}))
}
