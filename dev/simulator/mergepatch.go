package simulator

import "maps"

// freeFormMaps are the top-level fields that are a map in the Java model and not
// a type of their own. Any other object is taken for a type, and any array of
// objects in it (inputData, outputData, modelAssets, additionalAssets, ...) for a
// list of a type.
var freeFormMaps = map[string]bool{"jobParameters": true}

// mergeDocument applies a JSON merge patch to a document the way Spring Data REST
// does. Unlike RFC 7396, a null is stored as null and removes nothing.
func mergeDocument(stored, patch object, mode ArrayMode) object {
	merged := make(object, len(stored)+len(patch))
	maps.Copy(merged, stored)
	for k, v := range patch {
		if freeFormMaps[k] {
			merged[k] = mergeFreeForm(stored[k], v, mode)
		} else {
			merged[k] = mergeTyped(stored[k], v, mode)
		}
	}
	return merged
}

// mergeTyped merges a value of the typed part of a document.
func mergeTyped(stored, sent any, mode ArrayMode) any {
	switch sent := sent.(type) {
	case object:
		stored, ok := stored.(object)
		if !ok {
			return sent
		}
		merged := make(object, len(stored)+len(sent))
		maps.Copy(merged, stored)
		for k, v := range sent {
			merged[k] = mergeTyped(stored[k], v, mode)
		}
		return merged
	case []any:
		stored, ok := stored.([]any)
		if !ok || !allObjects(stored) || !allObjects(sent) {
			return sent
		}
		return mergeObjects(stored, sent, mode)
	default:
		return sent
	}
}

// mergeObjects merges two lists of objects; the result is as long as the sent one.
func mergeObjects(stored, sent []any, mode ArrayMode) []any {
	merged := make([]any, len(sent))
	for i, v := range sent {
		switch {
		case i >= len(stored):
			merged[i] = v
		case mode == ArrayPositional:
			merged[i] = mergeTyped(stored[i], v, mode)
		default:
			merged[i] = nullMissing(stored[i].(object), v.(object))
		}
	}
	return merged
}

// mergeFreeForm merges the value of a free-form map, itself included: key by key,
// but an empty object wipes the map.
func mergeFreeForm(stored, sent any, mode ArrayMode) any {
	o, isObject := sent.(object)
	if isObject && len(o) == 0 {
		return sent
	}
	return mergeMapValue(stored, sent, mode)
}

// mergeMapValue merges a value somewhere inside a free-form map.
func mergeMapValue(stored, sent any, mode ArrayMode) any {
	switch sent := sent.(type) {
	case object:
		stored, ok := stored.(object)
		if !ok {
			return sent
		}
		merged := make(object, len(stored)+len(sent))
		maps.Copy(merged, stored)
		for k, v := range sent {
			merged[k] = mergeMapValue(stored[k], v, mode)
		}
		return merged
	case []any:
		if _, isArray := stored.([]any); isArray && mode == ArrayPositional {
			return stored // Boot 2.7 drops the change without a word
		}
		return sent
	default:
		return sent
	}
}

// nullMissing is sent with a null for every field that stored has and sent lacks:
// what a field of a Java object becomes when the body does not mention it.
func nullMissing(stored, sent object) object {
	filled := make(object, len(stored)+len(sent))
	for k := range stored {
		filled[k] = nil
	}
	maps.Copy(filled, sent)
	return filled
}

func allObjects(list []any) bool {
	for _, v := range list {
		if _, ok := v.(object); !ok {
			return false
		}
	}
	return true
}
