package postgresql

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdsiam/rdsiam/rdsiamtest/internal/brief"
)

// serverVersion is what version() and server_version return.
const serverVersion = "17.0 (rdsiamtest)"

// Session answers the statements of one client that is logged in.
type Session struct {
	client     Client
	backend    *pgproto3.Backend
	prepared   map[string]*preparedStatement
	portals    map[string]*portal
	txStatus   byte // 'I' idle, 'T' in a transaction, 'E' in a failed one
	discarding bool // after an error, until Sync
	canceled   bool // the client asked to cancel what it asks now
	unsent     int  // bytes of answers that wait for Sync

	readOnlyStart   bool              // default_transaction_read_only as the session began
	readOnlyDefault bool              // the same, now
	readOnlyNow     bool              // of the transaction that is open
	reported        map[string]string // parameters, as the client knows them
}

type preparedStatement struct {
	statement stmt
	types     []dataType // of the parameters
	size      int        // in bytes, about
}

type portal struct {
	*preparedStatement
	parameters    []value
	size          int // in bytes, about, with the statement
	resultFormats []int16
	done          bool
}

// Error is what the client reads. As the answer to a statement it leaves the session alive.
type Error struct{ Code, Message, Hint string }

func (e *Error) Error() string { return e.Message }

// NewSession begins a session with the parameters of the client's start-up message, or
// returns the error of a server that refuses one of them.
func NewSession(client Client) (*Session, *Error) {
	settings, refused := parseStartup(client.Startup)
	if refused != nil {
		return nil, refused
	}
	client.Backend.SetMaxBodyLen(maxMessage)
	s := &Session{
		client:   client,
		backend:  client.Backend,
		prepared: make(map[string]*preparedStatement),
		portals:  make(map[string]*portal),
		txStatus: 'I',
	}
	for _, setting := range settings {
		if strings.EqualFold(setting.name, "default_transaction_read_only") {
			s.readOnlyStart, _ = parseBoolean(setting.value)
		}
	}
	s.readOnlyDefault = s.readOnlyStart
	s.report()
	return s, nil
}

// Parameters returns what the server reports of the session when it begins.
func (s *Session) Parameters() map[string]string { return maps.Clone(s.reported) }

// Serve answers until the client goes. It returns the last that a client must read which
// broke the protocol.
func (s *Session) Serve() *Error {
	for {
		message := s.receive()
		if message == nil {
			return nil
		}
		answered, known := s.handle(message)
		if !known {
			return &Error{Code: "08P01", Message: "unexpected message during a session"}
		}
		if !answered {
			return nil
		}
	}
}

// receive returns the next message when it is to be answered, nil if the client has gone.
func (s *Session) receive() pgproto3.FrontendMessage {
	message, err := s.backend.Receive()
	if err != nil {
		return nil
	}
	if _, leaves := message.(*pgproto3.Terminate); leaves {
		return nil
	}
	if s.canceled, err = s.client.Server.DelayStatement(); err != nil {
		return nil
	}
	return message
}

// handle reports whether the answer could be sent, and whether sessions have such messages.
func (s *Session) handle(message pgproto3.FrontendMessage) (answered, known bool) {
	var err error
	switch message := message.(type) {
	case *pgproto3.Query:
		s.discarding = false
		s.fail(s.query(message.String))
		return s.ready(), true
	case *pgproto3.Sync:
		s.discarding = false
		return s.ready(), true
	case *pgproto3.Flush:
		return s.flush(), true
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
		return true, true // as a real server does outside of COPY
	case *pgproto3.Parse:
		err = s.extended(func() error { return s.parse(message) })
	case *pgproto3.Describe:
		err = s.extended(func() error { return s.describe(message) })
	case *pgproto3.Bind:
		err = s.extended(func() error { return s.bind(message) })
	case *pgproto3.Execute:
		err = s.extended(func() error { return s.execute(message.Portal) })
	case *pgproto3.Close:
		err = s.extended(func() error { return s.close(message) })
	default:
		return false, false
	}
	if err != nil {
		s.discarding = true
		s.fail(err)
	}
	return true, true
}

// extended runs a step of the extended protocol unless one failed before it.
func (s *Session) extended(step func() error) error {
	if s.discarding {
		return nil
	}
	if s.canceled {
		return canceledByUser()
	}
	return step()
}

func canceledByUser() error {
	return &Error{Code: "57014", Message: "canceling statement due to user request"}
}

func (s *Session) ready() bool {
	if s.txStatus == 'I' {
		clear(s.portals) // a portal ends with its transaction
	}
	s.report()
	s.send(&pgproto3.ReadyForQuery{TxStatus: s.txStatus})
	return s.flush()
}

// send queues an answer. Like a real server it does not wait for Sync with many of them, which
// would fill the memory.
func (s *Session) send(answer pgproto3.BackendMessage) {
	s.backend.Send(answer)
	encoded, _ := answer.Encode(nil) // an error is that of the backend, too
	if s.unsent += len(encoded); s.unsent > maxUnsent {
		s.flush()
	}
}

// flush reports whether the client is still there; where it is not, receive ends the session.
func (s *Session) flush() bool {
	s.unsent = 0
	return s.backend.Flush() == nil
}

func (s *Session) fail(err error) {
	if err == nil {
		return
	}
	said := &Error{Code: "XX000", Message: err.Error()}
	errors.As(err, &said)
	if s.txStatus == 'T' {
		s.txStatus = 'E'
	}
	s.send(&pgproto3.ErrorResponse{
		Severity:            "ERROR",
		SeverityUnlocalized: "ERROR",
		Code:                said.Code,
		Message:             said.Message,
		Hint:                said.Hint,
	})
}

// query runs the statements of the simple protocol up to the first error.
func (s *Session) query(text string) error {
	if s.canceled {
		return canceledByUser()
	}
	statements, err := parse(text)
	if err != nil {
		return err
	}
	if len(statements) == 0 {
		s.send(&pgproto3.EmptyQueryResponse{})
	}
	for _, statement := range statements {
		if n := statement.parameterCount(); n > 0 {
			return &Error{Code: "42P02", Message: fmt.Sprintf("there is no parameter $%d", n)}
		}
		portal := &portal{preparedStatement: &preparedStatement{statement: statement}}
		if len(statement.columns) > 0 {
			s.send(portal.rowDescription())
		}
		if err := s.run(portal); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) parse(message *pgproto3.Parse) error {
	if _, ok := s.prepared[message.Name]; ok && message.Name != "" {
		return &Error{Code: "42P05", Message: fmt.Sprintf("prepared statement %q already exists", brief.Name(message.Name))}
	}
	statements, err := parse(message.Query)
	if err != nil {
		return err
	}
	if len(statements) > 1 {
		return &Error{Code: "42601", Message: "cannot insert multiple commands into a prepared statement"}
	}
	prepared := new(preparedStatement)
	if len(statements) == 1 {
		if statements[0].write != nil {
			return s.refuseWrite(statements[0])
		}
		prepared.statement = statements[0]
	}
	if prepared.types, err = prepared.statement.parameterTypes(message.ParameterOIDs); err != nil {
		return err
	}
	prepared.size = len(message.Name) + len(message.Query)
	if err := s.room(prepared.size); err != nil {
		return err
	}
	s.prepared[message.Name] = prepared
	s.send(&pgproto3.ParseComplete{})
	return nil
}

func (s *Session) describe(message *pgproto3.Describe) error {
	if message.ObjectType == 'P' {
		portal, ok := s.portals[message.Name]
		if !ok {
			return noPortal(message.Name)
		}
		s.sendDescription(portal)
		return nil
	}
	prepared, ok := s.prepared[message.Name]
	if !ok {
		return noPrepared(message.Name)
	}
	oids := make([]uint32, len(prepared.types))
	for i, t := range prepared.types {
		oids[i] = t.oid
	}
	s.send(&pgproto3.ParameterDescription{ParameterOIDs: oids})
	s.sendDescription(&portal{preparedStatement: prepared})
	return nil
}

func (s *Session) sendDescription(portal *portal) {
	if len(portal.statement.columns) == 0 {
		s.send(&pgproto3.NoData{})
		return
	}
	s.send(portal.rowDescription())
}

func (s *Session) bind(message *pgproto3.Bind) error {
	prepared, ok := s.prepared[message.PreparedStatement]
	if !ok {
		return noPrepared(message.PreparedStatement)
	}
	if len(message.Parameters) != len(prepared.types) {
		return &Error{Code: "08P01", Message: fmt.Sprintf(
			"bind message supplies %d parameters, but prepared statement %q requires %d",
			len(message.Parameters), brief.Name(message.PreparedStatement), len(prepared.types))}
	}
	if n := len(message.ParameterFormatCodes); n > 1 && n != len(message.Parameters) {
		return &Error{Code: "08P01", Message: fmt.Sprintf(
			"bind message has %d parameter formats but %d parameters", n, len(message.Parameters))}
	}
	if n := len(message.ResultFormatCodes); n > 1 && n != len(prepared.statement.columns) {
		return &Error{Code: "08P01", Message: fmt.Sprintf(
			"bind message has %d result formats but query has %d columns", n, len(prepared.statement.columns))}
	}
	size := len(message.DestinationPortal) + prepared.size
	for _, data := range message.Parameters {
		size += len(data)
	}
	if err := s.room(size); err != nil {
		return err
	}
	portal := &portal{
		preparedStatement: prepared, size: size, resultFormats: slices.Clone(message.ResultFormatCodes),
	}
	for i, data := range message.Parameters {
		portal.parameters = append(portal.parameters, value{
			// The message is valid until the next one is received.
			data:   slices.Clone(data),
			null:   data == nil,
			format: formatAt(message.ParameterFormatCodes, i),
		})
	}
	s.portals[message.DestinationPortal] = portal
	s.send(&pgproto3.BindComplete{})
	return nil
}

func (s *Session) execute(name string) error {
	portal, ok := s.portals[name]
	if !ok {
		return noPortal(name)
	}
	return s.run(portal)
}

func (s *Session) close(message *pgproto3.Close) error {
	if message.ObjectType == 'P' {
		delete(s.portals, message.Name)
	} else {
		delete(s.prepared, message.Name)
	}
	s.send(&pgproto3.CloseComplete{})
	return nil
}

func noPrepared(name string) error {
	return &Error{Code: "26000", Message: fmt.Sprintf("prepared statement %q does not exist", brief.Name(name))}
}

func noPortal(name string) error {
	return &Error{Code: "34000", Message: fmt.Sprintf("portal %q does not exist", brief.Name(name))}
}

// formatAt returns the format of a parameter or column: there is a code for
// each, one for all, or none, which means text.
func formatAt(formats []int16, i int) int16 {
	switch len(formats) {
	case 0:
		return pgproto3.TextFormat
	case 1:
		return formats[0]
	default:
		return formats[i]
	}
}
