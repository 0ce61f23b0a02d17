package iampolicy

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// maxDepth is more than a policy has of objects and lists in each other.
const maxDepth = 10

// decode reads JSON text into maps, slices, strings, json.Numbers and booleans. Unlike
// json.Unmarshal it refuses a key that is given twice.
func decode(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	tree, err := decodeValue(decoder, 0)
	switch {
	case errors.As(err, new(*ParseError)):
		return nil, err
	case strings.TrimSpace(text) == "":
		return nil, problem("the document is empty")
	case err != nil:
		return nil, &ParseError{Problem: "the document is not JSON", Err: err}
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, problem("text after the JSON object")
	}
	return tree, nil
}

func decodeValue(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	start, composed := token.(json.Delim)
	if err != nil || !composed {
		return token, err
	}
	if depth == maxDepth {
		return nil, problem("no policy has so many brackets in each other")
	}
	list, members := []any{}, make(map[string]any)
	for decoder.More() {
		var key json.Token
		if start == '{' {
			if key, err = decoder.Token(); err != nil {
				return nil, err
			}
		}
		value, err := decodeValue(decoder, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
		if name, ok := key.(string); ok {
			if _, twice := members[name]; twice {
				return nil, problem("%q is given twice", name)
			}
			members[name] = value
		}
	}
	if _, err := decoder.Token(); err != nil { // the end
		return nil, err
	}
	if start == '{' {
		return members, nil
	}
	return list, nil
}
