package hostname

import (
	"net/netip"
	"strings"
)

// Split splits "host", "host:port", "ipv6", "[ipv6]" and "[ipv6]:port". A
// colon without a port is no form of these.
func Split(address string) (host, port string, ok bool) {
	if IsIP(address) {
		return address, "", true
	}
	if inner, ok := strings.CutPrefix(address, "["); ok {
		host, rest, ok := strings.Cut(inner, "]")
		port, hasPort := strings.CutPrefix(rest, ":")
		return host, port, ok && IsIP(host) && hasPort == (port != "") && (hasPort || rest == "")
	}
	host, port, hasPort := strings.Cut(address, ":")
	return host, port, hasPort == (port != "") && !strings.Contains(port, ":")
}

// Limits of RFC 1035, section 2.3.4.
const (
	MaxLabel = 63
	MaxName  = 253
)

// IsName reports whether text is a DNS name in lower case without a
// trailing dot, of letters, digits and hyphens. A number as last label is
// refused: resolvers take such a name for an IPv4 address.
func IsName(text string) bool {
	if len(text) > MaxName {
		return false
	}
	var last string
	for label := range strings.SplitSeq(text, ".") {
		if len(label) > MaxLabel || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			!consistsOf(label, func(b byte) bool { return isLower(b) || isDigit(b) || b == '-' }) {
			return false
		}
		last = label
	}
	return !consistsOf(last, isDigit)
}

// Normalize brings a host name or IP address into the form in which names are
// compared and signed. Only ASCII letters are lowered: Unicode has a letter
// that lowers to "k" and would turn a foreign name into one of AWS.
func Normalize(host string) string {
	if ip, ok := parseIP(host); ok {
		return ip.String()
	}
	return lowerASCII(strings.TrimSuffix(host, "."))
}

func lowerASCII(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return 'A' <= r && r <= 'Z' }) {
		return text
	}
	lower := []byte(text)
	for i, b := range lower {
		if 'A' <= b && b <= 'Z' {
			lower[i] = b + 'a' - 'A'
		}
	}
	return string(lower)
}

func IsIP(text string) bool {
	_, ok := parseIP(text)
	return ok
}

// parseIP is netip.ParseAddr without the error, which costs more than all the rest of
// reading an endpoint: most of what is looked at is a name, with a port or without.
func parseIP(text string) (netip.Addr, bool) {
	likeIPv4 := text != "" && isDigit(text[0]) && isDigit(text[len(text)-1])
	likeIPv6 := strings.Count(text, ":") >= 2
	if !likeIPv4 && !likeIPv6 {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(text)
	return ip, err == nil
}

// consistsOf reports whether text is not empty and ok holds for all its bytes.
func consistsOf(text string, ok func(byte) bool) bool {
	for i := range len(text) {
		if !ok(text[i]) {
			return false
		}
	}
	return text != ""
}

func isLower(b byte) bool { return 'a' <= b && b <= 'z' }
func isDigit(b byte) bool { return '0' <= b && b <= '9' }
