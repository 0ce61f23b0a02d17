package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam/internal/test/realserver"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// TestMain starts the server behind, where TEST_POSTGRES names none.
func TestMain(m *testing.M) {
	stop := func() {}
	if os.Getenv("TEST_POSTGRES") == "" {
		address, end, err := startBehind()
		switch {
		case err == nil:
			stop = end
			os.Setenv("TEST_POSTGRES", address)
		case errors.As(err, new(*realserver.MissingError)) && os.Getenv("REQUIRE_SERVERS") != "1":
			fmt.Println("without a server behind:", err)
		default:
			fmt.Println(err)
			os.Exit(1)
		}
	}
	code := m.Run()
	stop()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Println(err)
		code = 1
	}
	os.Exit(code)
}

// startBehind starts a PostgreSQL that has a password account and no accounts for tokens.
func startBehind() (address string, stop func(), err error) {
	authority, err := rdsiamtest.NewPostgreSQL(rdsiamtest.WithInMemory())
	if err != nil {
		return "", nil, err
	}
	defer authority.Close()
	server, err := realserver.StartPostgreSQL(context.Background(), realserver.Options{
		Check:         func(context.Context, string, string) error { return errors.New("no tokens here") },
		Certificate:   authority.Certificate(),
		PasswordUsers: map[string]string{"shop": "secret"},
	})
	if err != nil {
		return "", nil, err
	}
	address, endRelay, err := relay(server.Socket())
	if err != nil {
		server.Close()
		return "", nil, err
	}
	return address, func() { server.Close(); endRelay() }, nil
}

// relay listens on TCP for clients without TLS, which the server takes on its socket only.
// The function that it returns waits for the connections to end.
func relay(socket string) (address string, end func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				client.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
				running.Go(func() {
					_, _ = io.Copy(way[0], way[1]) // how it ends is the client's to see
					client.Close()
					server.Close()
				})
			}
		}
	})
	return listener.Addr().String(), func() { listener.Close(); running.Wait() }, nil
}
