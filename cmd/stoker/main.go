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

	"github.com/spf13/cobra"

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
	if status := execute(ctx, rootCommand(), os.Args[1:]); status != 0 {
		os.Exit(status)
	}
}

// execute runs a command line and returns the exit status: 0 if what was asked for was
// done, else 1, with an error on stderr.
func execute(ctx context.Context, root *cobra.Command, words []string) int {
	root.SetArgs(words)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		err = errInterrupted
	}
	switch {
	case errors.Is(err, errUnwell):
	case wantsJSON(cmd, err, words):
		printErrorJSON(root.ErrOrStderr(), err)
	case errors.Is(err, errSaid):
	default:
		printError(root.ErrOrStderr(), err)
	}
	return 1
}

// printError writes an error for a person, every problem on a line.
func printError(w io.Writer, err error) {
	text := fmt.Sprintf("stoker: %v\n", err)
	if problems := problemsOf(err); len(problems) > 0 {
		text += "  - " + strings.Join(problems, "\n  - ") + "\n"
	}
	_, _ = io.WriteString(w, text) // there is nowhere else to say it
}

// problemsOf are the problems that an error lists beside its own text.
func problemsOf(err error) []string {
	if problems := job.ProblemsOf(err); len(problems) > 1 || problems[0] != err.Error() {
		return problems
	}
	return nil
}
