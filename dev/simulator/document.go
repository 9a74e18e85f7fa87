package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"unicode/utf8"
)

// object is a JSON object. Inside the package every object and array that was
// stored is immutable: a change copies the containers on its path and shares the
// rest, so that a snapshot may be read without a lock.
type object = map[string]any

// decode reads one JSON value and keeps numbers as they were written. Anything
// else, trailing bytes and invalid UTF-8 included, is ErrInvalid.
func decode(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, invalid("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, invalid("not JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid("more than one JSON value")
	}
	return v, nil
}

// decodeObject is decode for a body that has to be an object.
func decodeObject(body []byte) (object, error) {
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, invalid("not a JSON object")
	}
	return o, nil
}

// encode writes v as Jackson would: in one line, without escaping <, > and &.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// normalize turns what Go code built into what decode would have read.
func normalize(doc map[string]any) (object, error) {
	body, err := encode(doc)
	if err != nil {
		return nil, invalid("%v", err)
	}
	return decodeObject(body)
}

// clone copies a JSON value for a caller who may change it.
func clone(v any) any {
	switch v := v.(type) {
	case object:
		c := make(object, len(v))
		for k, e := range v {
			c[k] = clone(e)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, e := range v {
			c[i] = clone(e)
		}
		return c
	default:
		return v
	}
}

// cloneObject is clone for a document; nil stays nil.
func cloneObject(o object) object {
	if o == nil {
		return nil
	}
	return clone(o).(object)
}

// with returns a shallow copy of o in which key holds value.
func with(o object, key string, value any) object {
	c := make(object, len(o)+1)
	maps.Copy(c, o)
	c[key] = value
	return c
}
