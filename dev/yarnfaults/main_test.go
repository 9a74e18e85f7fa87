//go:build hadoop

package yarnfaults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stoker-spark/stoker/dev/faults/bench"
	"github.com/stoker-spark/stoker/dev/hadoop"
)

// together is how many tests run at once: each is a Spark on a host of few cores.
const together = 3

// hdp is the cluster that all tests share.
var hdp *hadoop.Cluster

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if err := bench.Prepare(together); err != nil {
		return 1, err
	}
	ctx := context.Background()
	root := filepath.Join("..", "..")
	keep := os.Getenv("STOKER_FAULTS_KEEP") != ""
	o := hadoop.Options{
		State: filepath.Join(root, ".state", "yarnfaults"), Tools: filepath.Join(root, ".tools", "hadoop"),
		PortOffset: 11000, Fresh: !keep, Config: settings(),
		Progress: func(line string) { fmt.Fprintln(os.Stderr, line) },
	}
	if !keep {
		defer func() { err = errors.Join(err, hadoop.Down(ctx, o.State)) }()
	}
	if hdp, err = hadoop.Up(ctx, o); err != nil {
		return 1, err
	}
	if err := prepare(ctx); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
