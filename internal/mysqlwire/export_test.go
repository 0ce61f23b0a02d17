package mysqlwire

// RelayCommands is what stands between a client and the server.
var RelayCommands = relayCommands
