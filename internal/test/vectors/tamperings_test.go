package vectors_test

import (
	"net/url"
	"strings"
	"time"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// login is a try to log in with the token of a vector, and what is changed about it.
type login struct {
	vector
	user   string
	now    time.Time
	secret string // that the server knows of the access key
}

// tampering changes a login and says why it must be refused. It returns "" where it
// changes nothing of this login.
type tampering struct {
	name   string
	change func(*login) rdsiamtest.Reason
}

func tamperings() []tampering {
	all := append(tamperingsWithLogin(), tamperingsWithAddress()...)
	all = append(all, tamperingsWithText()...)
	all = append(all, tamperingsWithValues()...)
	for _, name := range []string{
		"Action", "DBUser", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
		"X-Amz-SignedHeaders", "X-Amz-Signature",
	} {
		all = append(all, tampering{"no " + name, func(l *login) rdsiamtest.Reason {
			l.token = without(l.token, name)
			return rdsiamtest.ReasonMalformed
		}}, tampering{name + " twice", func(l *login) rdsiamtest.Reason {
			l.token += "&" + name + "=" + valueOf(l.token, name)
			return rdsiamtest.ReasonMalformed
		}})
	}
	return all
}

func tamperingsWithLogin() []tampering {
	return []tampering{
		{"another user logs in", func(l *login) rdsiamtest.Reason {
			l.user = otherUser
			return rdsiamtest.ReasonUser
		}},
		{"fifteen minutes later", func(l *login) rdsiamtest.Reason {
			l.now = l.now.Add(15 * time.Minute)
			return rdsiamtest.ReasonExpired
		}},
		{"long before", func(l *login) rdsiamtest.Reason {
			l.now = l.now.Add(-5*time.Minute - time.Second)
			return rdsiamtest.ReasonNotYetValid
		}},
		{"another secret key", func(l *login) rdsiamtest.Reason {
			l.secret += "x"
			return rdsiamtest.ReasonSignature
		}},
	}
}

func tamperingsWithAddress() []tampering {
	address := func(name string, want rdsiamtest.Reason, change func(host, port string) string) tampering {
		return tampering{name, func(l *login) rdsiamtest.Reason {
			before, query, _ := strings.Cut(l.token, "?")
			host, port, _ := strings.Cut(strings.TrimSuffix(before, "/"), ":")
			l.token = change(host, port) + "/?" + query
			return want
		}}
	}
	return []tampering{
		address("another host", rdsiamtest.ReasonHost, func(host, port string) string { return "x" + host + ":" + port }),
		address("trailing dot", rdsiamtest.ReasonHost, func(host, port string) string { return host + ".:" + port }),
		address("no host", rdsiamtest.ReasonMalformed, func(_, port string) string { return ":" + port }),
		address("another port", rdsiamtest.ReasonPort, func(host, port string) string { return host + ":1" + port }),
		address("port with a zero in front", rdsiamtest.ReasonPort, func(host, port string) string { return host + ":0" + port }),
		address("no port", rdsiamtest.ReasonPort, func(host, _ string) string { return host }),
		address("a path", rdsiamtest.ReasonMalformed, func(host, port string) string { return host + ":" + port + "/x" }),
		address("a scheme", rdsiamtest.ReasonMalformed, func(host, port string) string { return "https://" + host + ":" + port }),
		address("a user in front of the host", rdsiamtest.ReasonMalformed, func(host, port string) string { return "a@" + host + ":" + port }),
	}
}

func tamperingsWithText() []tampering {
	text := func(name string, change func(string) string) tampering {
		return tampering{name, func(l *login) rdsiamtest.Reason {
			changed := change(l.token)
			if changed == l.token {
				return ""
			}
			l.token = changed
			return rdsiamtest.ReasonMalformed
		}}
	}
	return []tampering{
		text("empty", func(string) string { return "" }),
		text("no query", func(token string) string { address, _, _ := strings.Cut(token, "?"); return address }),
		text("half of it", func(token string) string { return token[:len(token)/2] }),
		text("line feed behind", func(token string) string { return token + "\n" }),
		text("space in front", func(token string) string { return " " + token }),
		text("one more parameter", func(token string) string { return token + "&X-Amz-Extra=1" }),
		text("ampersand behind", func(token string) string { return token + "&" }),
		text("encoded once more", url.QueryEscape),
		text("decoded", unescaped),
		text("spaces as in a form", func(token string) string { return strings.ReplaceAll(token, "%20", "+") }),
	}
}

func tamperingsWithValues() []tampering {
	value := func(name, parameter string, want rdsiamtest.Reason, change func(string) string) tampering {
		return tampering{name, func(l *login) rdsiamtest.Reason {
			old := valueOf(l.token, parameter)
			changed := change(old)
			if changed == old {
				return ""
			}
			l.token = strings.Replace(l.token, parameter+"="+old, parameter+"="+changed, 1)
			return want
		}}
	}
	fixed := func(parameter, to string, want rdsiamtest.Reason) tampering {
		return value(parameter+" "+to, parameter, want, func(string) string { return to })
	}
	scope := func(name string, part int, want rdsiamtest.Reason) tampering {
		return value(name, "X-Amz-Credential", want, func(old string) string {
			parts := strings.Split(old, "%2F")
			parts[part] += "1"
			return strings.Join(parts, "%2F")
		})
	}
	return []tampering{
		fixed("Action", "Connect", rdsiamtest.ReasonMalformed),
		fixed("Action", "DbConnect", rdsiamtest.ReasonMalformed),
		fixed("DBUser", otherUser, rdsiamtest.ReasonUser),
		fixed("DBUser", "", rdsiamtest.ReasonUser),
		value("user in other case", "DBUser", rdsiamtest.ReasonUser, swapCase),
		value("user with a space behind", "DBUser", rdsiamtest.ReasonUser, func(old string) string { return old + "%20" }),
		value("user encoded once more", "DBUser", rdsiamtest.ReasonUser, url.PathEscape),
		fixed("X-Amz-Algorithm", "AWS4-HMAC-SHA512", rdsiamtest.ReasonMalformed),
		scope("another access key", 0, rdsiamtest.ReasonAccessKey),
		scope("another day in the scope", 1, rdsiamtest.ReasonMalformed),
		scope("another region", 2, rdsiamtest.ReasonRegion),
		scope("another service", 3, rdsiamtest.ReasonMalformed),
		scope("another end of the scope", 4, rdsiamtest.ReasonMalformed),
		fixed("X-Amz-Date", "20260102T030406Z", rdsiamtest.ReasonSignature),
		fixed("X-Amz-Date", "2026-01-02T03:04:05Z", rdsiamtest.ReasonMalformed),
		{"signed a day later", func(l *login) rdsiamtest.Reason {
			l.token = strings.ReplaceAll(l.token, "20260102", "20260103")
			l.now = l.now.AddDate(0, 0, 1)
			return rdsiamtest.ReasonSignature
		}},
		fixed("X-Amz-Expires", "901", rdsiamtest.ReasonExpiresParameter),
		fixed("X-Amz-Expires", "0", rdsiamtest.ReasonExpiresParameter),
		fixed("X-Amz-Expires", "899", rdsiamtest.ReasonSignature),
		fixed("X-Amz-SignedHeaders", "host%3Bx-amz-date", rdsiamtest.ReasonMalformed),
		fixed("X-Amz-Signature", "", rdsiamtest.ReasonSignature),
		fixed("X-Amz-Signature", strings.Repeat("0", 64), rdsiamtest.ReasonSignature),
		value("signature in upper case", "X-Amz-Signature", rdsiamtest.ReasonSignature, strings.ToUpper),
		{"another session token", func(l *login) rdsiamtest.Reason {
			const parameter = "X-Amz-Security-Token"
			if old := valueOf(l.token, parameter); old != "" {
				l.token = strings.Replace(l.token, old, old[1:], 1)
			} else {
				l.token += "&" + parameter + "=x"
			}
			return rdsiamtest.ReasonSessionToken
		}},
		{"no session token", func(l *login) rdsiamtest.Reason {
			if l.signer.SessionToken == "" {
				return ""
			}
			l.token = without(l.token, "X-Amz-Security-Token")
			return rdsiamtest.ReasonSessionToken
		}},
	}
}

// valueOf returns the value of a parameter as it is written in the token.
func valueOf(token, parameter string) string {
	_, query, _ := strings.Cut(token, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if value, ok := strings.CutPrefix(pair, parameter+"="); ok {
			return value
		}
	}
	return ""
}

func without(token, parameter string) string {
	address, query, _ := strings.Cut(token, "?")
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if !strings.HasPrefix(pair, parameter+"=") {
			kept = append(kept, pair)
		}
	}
	return address + "?" + strings.Join(kept, "&")
}

func unescaped(token string) string {
	decoded, err := url.PathUnescape(token)
	if err != nil {
		return token
	}
	return decoded
}

// swapCase leaves the digits of percent-encoding alone.
func swapCase(value string) string {
	swapped := []byte(value)
	for i := 0; i < len(swapped); i++ {
		switch c := swapped[i]; {
		case c == '%':
			i += 2
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			swapped[i] ^= 0x20
		}
	}
	return string(swapped)
}
