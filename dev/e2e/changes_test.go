package e2e

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// changes names what differs between two revisions of a document, but for what
// model-manage itself counts: top-level fields, and one level deeper the keys of
// jobParameters and the fields of outputs.
func changes(before, after object) []string {
	var list []string
	for _, field := range keys(before, after) {
		switch {
		case field == "version" || field == "lastModifiedDate" || same(before, after, field):
		case field == "jobParameters":
			list = append(list, inside(field, before[field], after[field])...)
		case field == "outputData":
			was, _ := before[field].([]any)
			is, _ := after[field].([]any)
			if len(was) != len(is) {
				list = append(list, field)
				continue
			}
			for i := range was {
				list = append(list, inside(fmt.Sprintf("%s[%d]", field, i), was[i], is[i])...)
			}
		default:
			list = append(list, field)
		}
	}
	return list
}

// inside compares two objects; null is one without fields.
func inside(name string, before, after any) []string {
	was, _ := before.(object)
	is, _ := after.(object)
	var list []string
	for _, field := range keys(was, is) {
		if !same(was, is, field) {
			list = append(list, name+"."+field)
		}
	}
	return list
}

func keys(a, b object) []string {
	all := maps.Clone(a)
	if all == nil {
		all = object{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// same tells a field that is null from one that is missing.
func same(a, b object, field string) bool {
	was, had := a[field]
	is, has := b[field]
	return had == has && reflect.DeepEqual(was, is)
}
