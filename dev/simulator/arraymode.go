package simulator

import "fmt"

// ArrayMode says what a merge patch does to the arrays of a document. It is the
// one rule that differs between the Spring Boot versions model-manage may run on.
type ArrayMode string

const (
	// ArrayReplace is Spring Boot 3.5, and the default. An array is replaced; in
	// an array of objects, a field the stored element at that position had and
	// the sent one lacks becomes null.
	ArrayReplace ArrayMode = "replace"

	// ArrayPositional is Spring Boot 2.7. Arrays of objects are merged position
	// by position: fields not sent are kept, further elements are appended,
	// elements beyond those sent are deleted. Arrays of scalars are replaced. An
	// array stored inside a free-form map keeps its old content, and the reply
	// is a success all the same.
	ArrayPositional ArrayMode = "positional"
)

// validate reports a mode that is neither of the two.
func (m ArrayMode) validate() error {
	switch m {
	case ArrayReplace, ArrayPositional:
		return nil
	default:
		return fmt.Errorf("array mode %q: want %q or %q", string(m), ArrayReplace, ArrayPositional)
	}
}
