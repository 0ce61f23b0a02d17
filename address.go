package rdsiam

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseAddress returns the normalized host and the port of address.
func parseAddress(setting, address string, defaultPort uint16) (host string, port uint16, err error) {
	rawHost, rawPort, ok := splitAddress(address)
	host = normalName(rawHost)
	if ok && host == "" {
		return "", 0, emptyHostError(setting, address)
	}
	if !ok || !isIP(host) && !isHostName(host) {
		return "", 0, &ConfigError{
			Setting: setting, Value: shownAddress(address),
			Problem: "not a host name with an optional port (letters, digits and hyphens; labels of at most 63 and names of at most 253 characters)",
			Fix:     "give host or host:port, not a URL or DSN",
		}
	}
	if rawPort == "" && defaultPort != 0 {
		return host, defaultPort, nil
	}
	number, err := strconv.ParseUint(rawPort, 10, 16)
	if err != nil || number == 0 {
		return "", 0, &ConfigError{
			Setting: setting, Value: shownAddress(address),
			Problem: "the port is part of what is signed and must be a number from 1 to 65535",
			Fix:     "give host:port",
		}
	}
	return host, uint16(number), nil
}

// splitAddress splits "host", "host:port", "ipv6", "[ipv6]" and "[ipv6]:port". A
// colon without a port is no form of these.
func splitAddress(address string) (host, port string, ok bool) {
	if isIP(address) {
		return address, "", true
	}
	if inner, ok := strings.CutPrefix(address, "["); ok {
		host, rest, ok := strings.Cut(inner, "]")
		port, hasPort := strings.CutPrefix(rest, ":")
		return host, port, ok && isIP(host) && hasPort == (port != "") && (hasPort || rest == "")
	}
	host, port, hasPort := strings.Cut(address, ":")
	return host, port, hasPort == (port != "") && !strings.Contains(port, ":")
}

func emptyHostError(setting, address string) error {
	return &ConfigError{Setting: setting, Value: address, Problem: "the host is empty", Fix: "give the RDS endpoint as host or host:port"}
}

// shownAddress is what an error may show of an address: not what looks
// like a URL or DSN, which may carry a password, and not a page of text.
func shownAddress(address string) string {
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "@") && strings.ContainsAny(address, "@/=? \t\r\n") {
		return ""
	}
	if len(address) > maxName+len(":65535") {
		return address[:maxLabel] + "…"
	}
	return address
}

// Limits of RFC 1035, section 2.3.4.
const (
	maxLabel = 63
	maxName  = 253
)

// isHostName reports whether text is a DNS name in lower case without a
// trailing dot, of letters, digits and hyphens. A number as last label is
// refused: resolvers take such a name for an IPv4 address.
func isHostName(text string) bool {
	if len(text) > maxName {
		return false
	}
	var last string
	for label := range strings.SplitSeq(text, ".") {
		if len(label) > maxLabel || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			!consistsOf(label, func(b byte) bool { return isLower(b) || isDigit(b) || b == '-' }) {
			return false
		}
		last = label
	}
	return !consistsOf(last, isDigit)
}

// normalName brings a host name or IP address into the form in which names are
// compared and signed. Only ASCII letters are lowered: Unicode has a letter
// that lowers to "k" and would turn a foreign name into one of AWS.
func normalName(host string) string {
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

func isIP(text string) bool {
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
