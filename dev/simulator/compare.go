package simulator

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// equalJSON compares as RFC 6902's test operation does: numbers by value.
func equalJSON(a, b any) bool {
	switch a := a.(type) {
	case object:
		b, ok := b.(object)
		return ok && maps.EqualFunc(a, b, equalJSON)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equalJSON)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && equalNumbers(a, b)
	default:
		switch b.(type) {
		case object, []any: // not comparable with ==
			return false
		}
		return a == b
	}
}

// equalNumbers compares integers as written, so that large ones do not collapse
// in a float64.
func equalNumbers(a, b json.Number) bool {
	if a == b {
		return true
	}
	if isInteger(a) && isInteger(b) {
		return isZero(a) && isZero(b)
	}
	x, errX := strconv.ParseFloat(a.String(), 64)
	y, errY := strconv.ParseFloat(b.String(), 64)
	return errX == nil && errY == nil && x == y
}

func isInteger(n json.Number) bool { return !strings.ContainsAny(n.String(), ".eE") }

func isZero(n json.Number) bool { return n == "0" || n == "-0" }

// compareJSON orders values for a sort as MongoDB does: null first, then numbers,
// strings, objects, arrays and booleans. Objects and arrays are all alike.
func compareJSON(a, b any) int {
	if c := cmp.Compare(sortRank(a), sortRank(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case json.Number:
		// Out of range gives an infinity, which sorts where it should.
		x, _ := strconv.ParseFloat(a.String(), 64)
		y, _ := strconv.ParseFloat(b.(json.Number).String(), 64)
		return cmp.Compare(x, y)
	case string:
		return strings.Compare(a, b.(string))
	case bool:
		switch {
		case a == b.(bool):
			return 0
		case a:
			return 1
		default:
			return -1
		}
	default:
		return 0
	}
}

func sortRank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case json.Number:
		return 1
	case string:
		return 2
	case object:
		return 3
	case []any:
		return 4
	default:
		return 5
	}
}
