package mysqlwire_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

func TestPacketsRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 250, 1 << 16, 1<<24 - 1} {
		payload := bytes.Repeat([]byte("x"), size)
		var stream bytes.Buffer
		packets := &mysqlwire.Packets{Stream: &stream, Limit: 1 << 24}
		if err := packets.Write(payload); err != nil {
			t.Fatalf("%d bytes: write: %v", size, err)
		}
		count := 1 + size/(1<<24-1)
		if got := stream.Len(); got != size+4*count || packets.Sequence != byte(count) {
			t.Errorf("%d bytes: got %d on the wire and sequence number %d, want %d packets", size, got, packets.Sequence, count)
		}
		packets.Sequence = 0
		got, err := packets.Read()
		if err != nil || !bytes.Equal(got, payload) || stream.Len() > 0 {
			t.Errorf("%d bytes: read back %d, %d are left, error %v", size, len(got), stream.Len(), err)
		}
	}
}

func TestPacketsLimit(t *testing.T) {
	tests := []struct {
		name  string
		bytes string
		want  error
	}{
		{"longer than the limit", "\x01\x00\x02\x00", nil},
		{"16 MB", "\xff\xff\xff\x00", nil},
		{"wrong sequence number", "\x01\x00\x00\x01x", nil},
		{"bytes that never come", "\x00\x00\x02\x00x", io.EOF},
		{"half a header", "\x00\x00", io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := (&mysqlwire.Packets{Stream: bytes.NewBufferString(tt.bytes), Limit: 128 << 10}).Read()
			runtime.ReadMemStats(&after)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want one like %v", err, tt.want)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 64<<10 {
				t.Errorf("%d bytes were allocated for a packet of %d", allocated, len(tt.bytes))
			}
		})
	}
}
