package token

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Encode writes every byte that RFC 3986 does not call unreserved as %XX, as Signature
// Version 4 wants it.
func Encode(text string) string {
	var encoded strings.Builder
	for i := range len(text) {
		if isUnreserved(text[i]) {
			encoded.WriteByte(text[i])
		} else {
			fmt.Fprintf(&encoded, "%%%02X", text[i])
		}
	}
	return encoded.String()
}

// decode is the strict inverse of Encode: a byte that should have been encoded is an
// error, above all the + that some decoders take for a space.
func decode(text string) (string, bool) {
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case isUnreserved(text[i]):
			decoded = append(decoded, text[i])
		case text[i] == '%' && i+2 < len(text):
			b, err := hex.DecodeString(text[i+1 : i+3])
			if err != nil {
				return "", false
			}
			decoded = append(decoded, b[0])
			i += 2
		default:
			return "", false
		}
	}
	return string(decoded), true
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
