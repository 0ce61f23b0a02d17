package connect

import (
	"testing"

	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestOpenThroughTunnel(t *testing.T) {
	server := startPostgreSQL(t)
	db, err := openThroughTunnel(server.Addr().String(), server.Endpoint(), tokensOf(server))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
}

// Each name gets a token of its own from the one source.
func TestOpenReplicas(t *testing.T) {
	const writerName = "prod.cluster-abc123.us-east-1.rds.amazonaws.com:5432"
	const readerName = "prod.cluster-ro-abc123.us-east-1.rds.amazonaws.com:5432"
	server := startPostgreSQL(t, rdsiamtest.WithEndpoint(writerName), rdsiamtest.WithEndpoint(readerName))
	writer, reader, err := openReplicas(t.Context(),
		poolConfig(t, server, writerName), poolConfig(t, server, readerName), tokensOf(server))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	defer reader.Close()
	checkUser(t, writer)
	checkUser(t, reader)
	if tried := server.Logins(); len(tried) != 2 || tried[0].Endpoint != writerName || tried[1].Endpoint != readerName {
		t.Errorf("logins: %+v", tried)
	}
}
