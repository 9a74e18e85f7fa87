package jobspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/stoker-spark/stoker/job"
)

// Decode reads one JSON object strictly, as Parse does, into a pointer to a struct.
func Decode(data []byte, into any) error {
	if err := strict(data, reflect.TypeOf(into).Elem()); err != nil {
		return job.Invalid("the body is not as it should be", []string{err.Error()})
	}
	if err := json.Unmarshal(data, into); err != nil {
		return job.Invalid("the body is not as it should be", []string{fieldProblem(err)})
	}
	return nil
}

// fieldProblem says in the words of the caller what encoding/json says in those of Go.
func fieldProblem(err error) string {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return "body: " + job.Head(err.Error(), maxProblem)
	}
	field, must := wrong.Field, kindName(wrong.Type.Kind())
	if field == "" {
		field, must = "body", "a JSON object"
	}
	return fmt.Sprintf("%s: must be %s, got %s", job.Head(field, job.MaxWord), must, job.Head(wrong.Value, 100))
}

func kindName(kind reflect.Kind) string {
	switch kind { //nolint:exhaustive // the kinds that a body is read into
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	}
	return "a whole number"
}

// strict refuses what two readers could understand in two ways: doubled keys, more than
// one value, text that is not UTF-8. Of what is to be read into a type it refuses, too,
// fields that the type has not, which encoding/json would find without regard to case,
// and nulls, which it would take for anything. nil is any type.
func strict(data []byte, t reflect.Type) error {
	if !utf8.Valid(data) {
		return errors.New("body: is not UTF-8")
	}
	w := strictWalk{decoder: json.NewDecoder(bytes.NewReader(data))}
	w.decoder.UseNumber()
	if err := w.value(t, "", 0); err != nil {
		return err
	}
	if _, err := w.decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("body: holds more than one JSON value")
	}
	return nil
}

// maxDepth bounds how deep values lie in each other.
const maxDepth = 20

type strictWalk struct{ decoder *json.Decoder }

func (w strictWalk) value(t reflect.Type, at string, depth int) error {
	token, err := w.decoder.Token()
	if err != nil {
		return noJSON(err)
	}
	switch token {
	case nil:
		if t != nil {
			return fmt.Errorf("%s: is null; leave out what is not meant", job.Head(orBody(at), job.MaxWord))
		}
		return nil
	case json.Delim('{'), json.Delim('['):
	default:
		return nil
	}
	if depth == maxDepth {
		return errors.New("body: is nested too deeply")
	}
	if token == json.Delim('{') {
		err = w.object(t, at, depth)
	} else {
		err = w.list(t, at, depth)
	}
	if err != nil {
		return err
	}
	if _, err := w.decoder.Token(); err != nil { // the closing bracket
		return noJSON(err)
	}
	return nil
}

func (w strictWalk) list(t reflect.Type, at string, depth int) error {
	var element reflect.Type
	if t != nil && t.Kind() == reflect.Slice {
		element = t.Elem()
	}
	for i := 0; w.decoder.More(); i++ {
		if err := w.value(element, fmt.Sprintf("%s[%d]", at, i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w strictWalk) object(t reflect.Type, at string, depth int) error {
	seen := map[string]bool{}
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return noJSON(err)
		}
		key, _ := token.(string) // the keys of an object are texts
		inside := strings.TrimPrefix(at+"."+key, ".")
		if seen[key] {
			return fmt.Errorf("%s: is given twice", job.Head(inside, job.MaxWord))
		}
		seen[key] = true
		member, err := memberOf(t, key)
		if err != nil {
			return fmt.Errorf("%s: %w", job.Head(inside, job.MaxWord), err)
		}
		if err := w.value(member, inside, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// memberOf is the type of what an object that is read into t has under a key.
func memberOf(t reflect.Type, key string) (reflect.Type, error) {
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil:
		return nil, nil
	case t.Kind() == reflect.Map:
		return t.Elem(), nil
	case t.Kind() != reflect.Struct:
		return nil, nil // which decoding says better
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == key {
			return t.Field(i).Type, nil
		}
		if strings.EqualFold(name, key) {
			return nil, fmt.Errorf("is no field here; write %s", name)
		}
	}
	return nil, errors.New("is no field here")
}

func orBody(at string) string {
	if at == "" {
		return "body"
	}
	return at
}

func noJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("body: is empty or ends too early; it must be a JSON object")
	}
	return fmt.Errorf("body: is no JSON: %s", job.Head(err.Error(), maxProblem))
}
