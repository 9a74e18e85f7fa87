package rm

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// The types below read the JSON of several versions: what one sends as a number
// another sends as a string, and what it does not know it leaves out, or sends as
// null or "N/A". A value that cannot be read counts as absent.

// text is a string; at most maxText bytes of it are kept.
type text string

// maxText bounds one string of a reply, in bytes. Diagnostics can hold whole
// stack traces.
const maxText = 16 << 10

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	switch {
	case bytes.Equal(data, []byte("null")):
		*t = ""
	case json.Unmarshal(data, &s) == nil:
		*t = text(job.Head(s, maxText))
	case len(data) > 0 && data[0] != '{' && data[0] != '[':
		*t = text(data)
	default:
		*t = ""
	}
	return nil
}

// number is a whole number.
type number int64

func (n *number) UnmarshalJSON(data []byte) error {
	var s text
	if err := s.UnmarshalJSON(data); err != nil {
		return err
	}
	*n = 0
	if i, err := strconv.ParseInt(strings.TrimSpace(string(s)), 10, 64); err == nil {
		*n = number(i)
	} else if f, err := strconv.ParseFloat(strings.TrimSpace(string(s)), 64); err == nil && math.Abs(f) < 1<<62 {
		*n = number(f)
	}
	return nil
}

// time of milliseconds since 1970; what has not happened yet is 0 or -1.
func (n number) time() time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(n)).UTC()
}

// count of a resource; -1 stands for none.
func (n number) count() int64 { return max(0, int64(n)) }

// list is an array, or one element without the array; null, "" and {} are empty.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(data []byte) error {
	*l = nil
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0, data[0] == 'n', bytes.Equal(data, []byte(`""`)), isEmptyObject(data):
		return nil
	case data[0] == '[':
		var many []T
		if err := json.Unmarshal(data, &many); err != nil {
			return err
		}
		*l = many
		return nil
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*l = list[T]{one}
	return nil
}

func isEmptyObject(data []byte) bool {
	return data[0] == '{' && len(bytes.TrimSpace(data[1:])) == 1
}

// object is an object of which null and "" are the empty form.
type object[T any] struct{ value T }

func (o *object[T]) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) || bytes.Equal(data, []byte(`""`)) {
		return nil
	}
	return json.Unmarshal(data, &o.value)
}

// words splits a list that is written with commas.
func (t text) words() []string {
	var out []string
	for word := range strings.SplitSeq(string(t), ",") {
		if word = strings.TrimSpace(word); word != "" {
			out = append(out, word)
		}
	}
	return out
}
