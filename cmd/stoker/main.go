// Command stoker runs Spark batch jobs so that they always end properly: one
// binary, a subcommand per role. This package holds flags and wiring only.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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
	if err := rootCommand().ExecuteContext(ctx); err != nil && !errors.Is(err, context.Canceled) {
		printError(err)
		os.Exit(1)
	}
}

// printError writes an error for a person, every problem on a line.
func printError(err error) {
	fmt.Fprintf(os.Stderr, "stoker: %v\n", err)
	var domain *job.Error
	if errors.As(err, &domain) {
		for _, problem := range domain.Problems {
			fmt.Fprintf(os.Stderr, "  - %s\n", problem)
		}
	}
}
