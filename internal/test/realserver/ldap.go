package realserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// The little of LDAP (RFC 4511) that PostgreSQL needs in order to check a
// password by a simple bind, and the little of BER that this needs: definite
// lengths and tags of one byte.
const (
	tagInteger      = 0x02
	tagOctets       = 0x04
	tagEnumerated   = 0x0a
	tagSequence     = 0x30
	tagBindRequest  = 0x60
	tagBindResponse = 0x61
	tagSimple       = 0x80 // the password in a bind request

	resultSuccess            = 0
	resultInvalidCredentials = 49

	maxMessageID = 4 // bytes
)

var errLDAP = errors.New("realserver: not an LDAP simple bind")

// answerBinds returns an LDAP server to which the bind name is the user, as it
// stands, and the password the token.
func answerBinds(ctx context.Context, check Check) func(net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for {
			conn.SetReadDeadline(time.Now().Add(questionTimeout))
			b, err := readBind(r)
			if err != nil {
				return // an unbind, the end, or something that is not for us
			}
			result := byte(resultInvalidCredentials)
			// A bind without a password is an anonymous one, which always succeeds elsewhere.
			if b.password != "" && check(ctx, b.name, b.password) == nil && ctx.Err() == nil {
				result = resultSuccess
			}
			if _, err := conn.Write(b.response(result)); err != nil {
				return
			}
		}
	}
}

type bind struct {
	id             []byte // of the message
	name, password string
}

func readBind(r byteReader) (bind, error) {
	message, err := readElement(r, tagSequence)
	if err != nil {
		return bind{}, err
	}
	rest := bytes.NewReader(message)
	id, err := readElement(rest, tagInteger)
	if err != nil || len(id) > maxMessageID {
		return bind{}, errLDAP
	}
	request, err := readElement(rest, tagBindRequest)
	if err != nil {
		return bind{}, err
	}
	rest = bytes.NewReader(request)
	_, err1 := readElement(rest, tagInteger) // the version of the protocol
	name, err2 := readElement(rest, tagOctets)
	password, err3 := readElement(rest, tagSimple)
	if err := errors.Join(err1, err2, err3); err != nil {
		return bind{}, err
	}
	return bind{id: id, name: string(name), password: string(password)}, nil
}

func (b bind) response(result byte) []byte {
	op := element(tagEnumerated, result)
	op = append(op, element(tagOctets)...) // matched name
	op = append(op, element(tagOctets)...) // diagnostic message
	return element(tagSequence, append(element(tagInteger, b.id...), element(tagBindResponse, op...)...)...)
}

// element encodes an element with less than 128 bytes of content.
func element(tag byte, content ...byte) []byte {
	return append([]byte{tag, byte(len(content))}, content...)
}

type byteReader interface {
	io.Reader
	io.ByteReader
}

// readElement reads the content of an element, which must have the given tag.
func readElement(r byteReader, tag byte) ([]byte, error) {
	got, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	if got != tag {
		return nil, errLDAP
	}
	length, err := readLength(r)
	if err != nil {
		return nil, err
	}
	content := make([]byte, length)
	_, err = io.ReadFull(r, content)
	return content, err
}

func readLength(r io.ByteReader) (int, error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	if first < 0x80 {
		return int(first), nil
	}
	if first == 0x80 {
		return 0, errLDAP // the indefinite form
	}
	length := 0
	for range first & 0x7f {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if length = length<<8 | int(b); length > maxQuestion {
			return 0, errLDAP
		}
	}
	return length, nil
}
