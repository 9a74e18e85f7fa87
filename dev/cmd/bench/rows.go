package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// write puts the rows into a file, in place of those of the same names: each
// part of the benchmarks runs by itself.
func (b *bench) write(name string) error {
	var rows []row
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, &rows)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the rows there are: %w", err)
	}
	if data, err = json.MarshalIndent(merged(rows, b.rows), "", "  "); err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", append(data, '\n'), 0o644); err != nil { // a file of the repository
		return err
	}
	return os.Rename(name+".new", name)
}

// merged replaces rows by fresh ones of the same name and adds what is new.
func merged(rows, fresh []row) []row {
	rows = slices.Clone(rows)
	for _, f := range fresh {
		i := slices.IndexFunc(rows, func(r row) bool { return r.Name == f.Name })
		if i < 0 {
			rows = append(rows, f)
			continue
		}
		rows[i] = f
	}
	return rows
}
