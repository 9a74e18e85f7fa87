package main

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
)

// errorView is an error in JSON. Status and what follows are of the server's answer, if
// that is what went wrong.
type errorView struct {
	Error     string   `json:"error"`
	Problems  []string `json:"problems,omitempty"`
	Status    int      `json:"status,omitempty"`
	Title     string   `json:"title,omitempty"`
	Detail    string   `json:"detail,omitempty"`
	RequestID string   `json:"requestId,omitempty"`
}

// printErrorJSON writes an error on one line, so that it can be told from the notes that
// stand before it.
func printErrorJSON(w io.Writer, err error) {
	view := errorView{Error: err.Error(), Problems: problemsOf(err)}
	var answer *client.Answer
	if errors.As(err, &answer) {
		view.Status, view.Title, view.Detail, view.RequestID = answer.Status, answer.Title, answer.Detail, answer.RequestID
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(view) // there is nowhere else to say it
}

// misread is an error in the flags of a command: those behind it were not read.
type misread struct{ error }

func (m misread) Unwrap() error { return m.error }

// wantsJSON reports whether a command that failed was asked for JSON.
func wantsJSON(cmd *cobra.Command, err error, words []string) bool {
	if errors.As(err, new(misread)) || !cmd.Runnable() {
		return namesJSON(words)
	}
	output := cmd.Flags().Lookup("output")
	return output != nil && output.Value.String() == "json"
}

// namesJSON looks for the flag in words that were not read.
func namesJSON(words []string) bool {
	for i, word := range words {
		switch word {
		case "--":
			return false
		case "-o", "--output":
			return i+1 < len(words) && words[i+1] == "json"
		}
		for _, flag := range []string{"-o", "-o=", "--output="} {
			if value, ok := strings.CutPrefix(word, flag); ok && value == "json" {
				return true
			}
		}
	}
	return false
}
