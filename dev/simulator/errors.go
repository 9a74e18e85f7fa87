package simulator

import (
	"errors"
	"fmt"
)

// The outcomes of a write that are not a success. The HTTP layer gives each its
// status; the in-process helpers return them as they are.
var (
	// ErrNotFound: no live job has the id, or its type is not the collection's.
	ErrNotFound = errors.New("no such job")
	// ErrDuplicate: a live job already has the id.
	ErrDuplicate = errors.New("a job with this id exists")
	// ErrStale: If-Match names another version than the current one.
	ErrStale = errors.New("the job has another version")
	// ErrTooLarge: the document would exceed the document limit.
	ErrTooLarge = errors.New("the document is larger than the store allows")
	// ErrInvalid: the body cannot be read, or not applied to the document.
	ErrInvalid = errors.New("invalid body")
	// ErrClosed: the simulator was closed.
	ErrClosed = errors.New("the simulator is closed")
)

// invalid makes an ErrInvalid that says what is wrong.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
