package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// keyValues are the values of a flag that may repeat, each key=value. The last one of a
// key counts, as with spark-submit.
type keyValues map[string]string

// String lists them.
func (k *keyValues) String() string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(*k)) {
		list = append(list, key+"="+(*k)[key])
	}
	return strings.Join(list, " ")
}

// Set takes one.
func (k *keyValues) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("must be key=value")
	}
	if *k == nil {
		*k = keyValues{}
	}
	(*k)[key] = value
	return nil
}

// Type is what help calls the value.
func (k *keyValues) Type() string { return "key=value" }
