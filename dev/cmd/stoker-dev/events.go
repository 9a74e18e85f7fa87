package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// writeEvents writes how the samples ended as "go test -json" writes of tests, for
// whoever keeps a record of both.
func writeEvents(name string, rows []row) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if closing := f.Close(); err == nil {
			err = closing
		}
	}()
	out := json.NewEncoder(f)
	for _, r := range rows {
		event := map[string]any{"Package": "samples", "Test": r.sample.Name}
		if !r.asExpected() {
			said := map[string]any{"Action": "output", "Package": "samples", "Test": r.sample.Name, "Output": fmt.Sprintf("%s, %s\n", r.status, r.verdict)}
			if err := out.Encode(said); err != nil {
				return err
			}
		}
		event["Action"], event["Elapsed"] = "fail", r.took.Seconds()
		if r.asExpected() {
			event["Action"] = "pass"
		}
		if err := out.Encode(event); err != nil {
			return err
		}
	}
	return nil
}
