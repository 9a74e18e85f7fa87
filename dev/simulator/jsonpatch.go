package simulator

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// applyJSONPatch applies an RFC 6902 patch to a document: all of it or, with
// ErrInvalid, nothing. limit bounds what copy operations may build up (ErrTooLarge).
//
// It works on decoded values and not on bytes as evanphx/json-patch does, because
// stored documents are shared trees, and because any patch from the wire must
// come back as an error and never as a panic.
func applyJSONPatch(doc object, patch any, limit int) (object, error) {
	ops, ok := patch.([]any)
	if !ok {
		return nil, invalid("a JSON Patch is an array of operations")
	}
	var root any = doc
	for i, op := range ops {
		fields, ok := op.(object)
		if !ok {
			return nil, invalid("operation %d is not an object", i)
		}
		var err error
		if root, err = applyOperation(root, fields, limit); err != nil {
			return nil, err
		}
	}
	patched, ok := root.(object)
	if !ok {
		return nil, invalid("the patch turns the document into something else than an object")
	}
	return patched, nil
}

func applyOperation(root any, fields object, limit int) (any, error) {
	path, err := pointerField(fields, "path")
	if err != nil {
		return nil, err
	}
	value, hasValue := fields["value"]
	op, _ := fields["op"].(string)
	switch op {
	case "add", "replace", "test":
		if !hasValue {
			return nil, invalid("operation %s has no value", op)
		}
	}
	switch op {
	case "add":
		return addAt(root, path, value)
	case "replace":
		return replaceAt(root, path, value)
	case "remove":
		return removeAt(root, path)
	case "test":
		got, err := valueAt(root, path)
		if err != nil {
			return nil, err
		}
		if !equalJSON(got, value) {
			return nil, invalid("test of %v failed", fields["path"])
		}
		return root, nil
	case "move", "copy":
		from, err := pointerField(fields, "from")
		if err != nil {
			return nil, err
		}
		if op == "move" {
			return moveTo(root, from, path)
		}
		return copyTo(root, from, path, limit)
	default:
		return nil, invalid("unknown operation %v", fields["op"])
	}
}

func moveTo(root any, from, path []string) (any, error) {
	if len(from) < len(path) && slices.Equal(from, path[:len(from)]) {
		return nil, invalid("a value cannot move into itself")
	}
	value, err := valueAt(root, from)
	if err != nil {
		return nil, err
	}
	if slices.Equal(from, path) {
		return root, nil
	}
	if root, err = removeAt(root, from); err != nil {
		return nil, err
	}
	return addAt(root, path, value)
}

func copyTo(root any, from, path []string, limit int) (any, error) {
	value, err := valueAt(root, from)
	if err != nil {
		return nil, err
	}
	if root, err = addAt(root, path, value); err != nil {
		return nil, err
	}
	return root, checkSize(root, limit) // copies of copies grow exponentially
}

// pointerField parses the JSON Pointer in a field of an operation.
func pointerField(fields object, name string) ([]string, error) {
	text, ok := fields[name].(string)
	if !ok {
		return nil, invalid("operation has no %s", name)
	}
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, invalid("%s %q does not start with a slash", name, text)
	}
	tokens := strings.Split(text[1:], "/")
	for i, t := range tokens {
		plain := strings.ReplaceAll(strings.ReplaceAll(t, "~0", ""), "~1", "")
		if strings.Contains(plain, "~") {
			return nil, invalid("%s %q has a bad escape", name, text)
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, nil
}

func valueAt(node any, path []string) (any, error) {
	for _, token := range path {
		child, err := childOf(node, token)
		if err != nil {
			return nil, err
		}
		node = child
	}
	return node, nil
}

func childOf(node any, token string) (any, error) {
	switch node := node.(type) {
	case object:
		if child, ok := node[token]; ok {
			return child, nil
		}
		return nil, invalid("no field %q", token)
	case []any:
		i, err := index(token, len(node))
		if err != nil {
			return nil, err
		}
		return node[i], nil
	default:
		return nil, invalid("%q is in no object or array", token)
	}
}

// edit returns root with the container that holds path's last token replaced by
// what change makes of it; the containers above are copied, the rest is shared.
func edit(root any, path []string, change func(container any, token string) (any, error)) (any, error) {
	if len(path) == 1 {
		return change(root, path[0])
	}
	child, err := childOf(root, path[0])
	if err != nil {
		return nil, err
	}
	if child, err = edit(child, path[1:], change); err != nil {
		return nil, err
	}
	return replaceAt(root, path[:1], child)
}

func addAt(root any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	return edit(root, path, func(container any, token string) (any, error) {
		switch c := container.(type) {
		case object:
			return with(c, token, value), nil
		case []any:
			i := len(c)
			if token != "-" {
				var err error
				if i, err = index(token, len(c)+1); err != nil {
					return nil, err
				}
			}
			return slices.Insert(slices.Clone(c), i, value), nil
		default:
			return nil, invalid("%q is in no object or array", token)
		}
	})
}

func replaceAt(root any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	return edit(root, path, func(container any, token string) (any, error) {
		if _, err := childOf(container, token); err != nil {
			return nil, err
		}
		if o, ok := container.(object); ok {
			return with(o, token, value), nil
		}
		list := slices.Clone(container.([]any))
		i, err := index(token, len(list))
		if err != nil {
			return nil, err
		}
		list[i] = value
		return list, nil
	})
}

func removeAt(root any, path []string) (any, error) {
	if len(path) == 0 {
		return nil, invalid("the whole document cannot be removed")
	}
	return edit(root, path, func(container any, token string) (any, error) {
		if _, err := childOf(container, token); err != nil {
			return nil, err
		}
		if o, ok := container.(object); ok {
			rest := maps.Clone(o)
			delete(rest, token)
			return rest, nil
		}
		list := slices.Clone(container.([]any))
		i, err := index(token, len(list))
		if err != nil {
			return nil, err
		}
		return slices.Delete(list, i, i+1), nil
	})
}

// index parses an array index below length: digits without a leading zero.
func index(token string, length int) (int, error) {
	i, err := strconv.Atoi(token)
	if err != nil || strconv.Itoa(i) != token || i < 0 || i >= length {
		return 0, invalid("%q is no index of an array of %d", token, length)
	}
	return i, nil
}
