// Command stoker runs Spark batch jobs so that they always end properly: one
// binary, a subcommand per role. This package holds flags and wiring only.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/local"
)

func main() {
	// A supervisor lives as long as its application and there is one for each:
	// it starts without what only the other commands need.
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(local.Supervise(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := rootCommand().ExecuteContext(ctx)
	if errors.Is(err, errUnwell) || errors.Is(err, errSaid) {
		os.Exit(1)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		printError(os.Stderr, err)
		os.Exit(1)
	}
}

// printError writes an error for a person, every problem on a line.
func printError(w io.Writer, err error) {
	text := fmt.Sprintf("stoker: %v\n", err)
	if problems := job.ProblemsOf(err); len(problems) > 1 || problems[0] != err.Error() {
		text += "  - " + strings.Join(problems, "\n  - ") + "\n"
	}
	_, _ = io.WriteString(w, text) // there is nowhere else to say it
}
