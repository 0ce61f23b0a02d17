package mysql

import (
	"encoding/binary"

	"github.com/rdsiam/rdsiam/internal/mysqlwire"
)

// encodeEnd encodes the packet that ends rows, and column definitions for
// clients that want it there.
func encodeEnd(capabilities mysqlwire.Capabilities, status mysqlwire.Status) []byte {
	if !capabilities.Has(mysqlwire.ClientDeprecateEOF) {
		return binary.LittleEndian.AppendUint16([]byte{mysqlwire.PacketEOF, 0, 0}, uint16(status))
	}
	b := mysqlwire.EncodeOK(status)
	b[0] = mysqlwire.PacketEOF
	return b
}
