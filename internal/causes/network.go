package causes

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"syscall"
)

// What went wrong before a server answered, by the types of the standard library. Rules
// have texts as well where a driver wraps nothing, or an operating system has codes of its
// own.

func isVerification(err error) bool {
	switch err.(type) {
	case *tls.CertificateVerificationError, x509.ConstraintViolationError,
		x509.UnhandledCriticalExtension, x509.CertificateInvalidError:
		return true
	}
	return isWrongName(err) || isUnknownAuthority(err)
}

func isWrongName(err error) bool {
	_, ok := err.(x509.HostnameError)
	return ok
}

func isUnknownAuthority(err error) bool {
	switch err.(type) {
	case x509.UnknownAuthorityError, x509.SystemRootsError:
		return true
	}
	return false
}

func isOutsideDates(err error) bool {
	invalid, ok := err.(x509.CertificateInvalidError)
	return ok && invalid.Reason == x509.Expired
}

func isNoHost(err error) bool {
	lookup, ok := err.(*net.DNSError)
	return ok && lookup.IsNotFound
}

func isLookup(err error) bool {
	_, ok := err.(*net.DNSError)
	return ok
}

func isRefused(err error) bool { return err == syscall.ECONNREFUSED }

func isReset(err error) bool { return err == syscall.ECONNRESET || err == syscall.EPIPE }
