package simulator

import (
	"encoding/json"
	"strconv"
)

// MongoLimit is the size in bytes MongoDB allows a document, as BSON.
const MongoLimit = 16 << 20

// maxDepth is how deeply Jackson lets a document nest.
const maxDepth = 1000

// checkSize reports ErrTooLarge when v takes more than limit bytes as BSON and
// ErrInvalid when it nests too deeply. It stops at the limit, so a value that
// shares one part many times costs no more than a large one.
func checkSize(v any, limit int) error {
	m := measure{left: limit}
	return m.value(v, 0)
}

// measure counts down the bytes that are left.
type measure struct{ left int }

func (m *measure) take(n int) error {
	m.left -= n
	if m.left < 0 {
		return ErrTooLarge
	}
	return nil
}

// container and element hold BSON's overhead: length and terminator of a
// document; type byte and terminated name of an element.
const (
	bsonContainer = 4 + 1
	bsonElement   = 1 + 1
	bsonString    = 4 + 1
)

func (m *measure) value(v any, depth int) error {
	if depth > maxDepth {
		return invalid("nested deeper than %d levels", maxDepth)
	}
	switch v := v.(type) {
	case object:
		if err := m.take(bsonContainer); err != nil {
			return err
		}
		for k, e := range v {
			if err := m.element(k, e, depth); err != nil {
				return err
			}
		}
		return nil
	case []any:
		if err := m.take(bsonContainer); err != nil {
			return err
		}
		for i, e := range v {
			if err := m.element(strconv.Itoa(i), e, depth); err != nil {
				return err
			}
		}
		return nil
	case string:
		return m.take(bsonString + len(v))
	case json.Number:
		return m.take(numberSize(v))
	case bool:
		return m.take(1)
	default: // null has no bytes of its own
		return nil
	}
}

func (m *measure) element(name string, v any, depth int) error {
	if err := m.take(bsonElement + len(name)); err != nil {
		return err
	}
	return m.value(v, depth+1)
}

// numberSize is 4 for what fits an int32 and 8 for an int64 or a double.
func numberSize(n json.Number) int {
	if _, err := strconv.ParseInt(n.String(), 10, 32); err == nil {
		return 4
	}
	return 8
}
