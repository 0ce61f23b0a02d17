package proxy

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/rdsiam/rdsiam"
)

// IsSocket reports whether address is that of a unix socket: the path of its directory.
func IsSocket(address string) bool {
	return filepath.IsAbs(address) || strings.ContainsRune(address, filepath.Separator)
}

// Listen listens on address: host:port, or the path of a directory, in which it makes a
// unix socket of the name that the engine's clients expect. The directory is made if it is
// not there, and removed when the listener is closed. It belongs to the caller, and nobody
// else may enter it.
//
// A host must be a loopback address or localhost, unless exposed.
func Listen(address string, engine Engine, exposed bool) (net.Listener, error) {
	if IsSocket(address) {
		return listenSocket(address, engine.SocketName())
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, &rdsiam.ConfigError{Code: "listen-form", Setting: "--listen", Value: address, Problem: "is neither host:port nor a path",
			Fix: "write it like 127.0.0.1:15432, or like ./socket for a directory"}
	}
	if !exposed && !isLoopback(host) {
		return nil, notLoopback(address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, listenError(address, err)
	}
	if at, ok := listener.Addr().(*net.TCPAddr); !exposed && (!ok || !at.IP.IsLoopback()) {
		listener.Close()
		return nil, notLoopback(address)
	}
	return listener, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func notLoopback(address string) error {
	return &rdsiam.ConfigError{Code: "listen-exposed", Setting: "--listen", Value: address, Problem: "can be reached from other machines, and what is sent there is not encrypted",
		Fix: "listen on 127.0.0.1, or say --expose"}
}

func listenError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("cannot listen on %s: another program does; end it, or give another --listen", address)
	}
	return fmt.Errorf("cannot listen on %s: %w", address, err)
}
