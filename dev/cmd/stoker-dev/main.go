// Command stoker-dev runs a whole Stoker on a laptop: Temporal with its Web UI,
// a model-manage simulator, a worker, a starter and a local Spark, in one
// process. It is for trying Stoker out and for tests, never for production.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/dev/hadoop"
	"github.com/stoker-spark/stoker/dev/samples"
	"github.com/stoker-spark/stoker/dev/stack"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/worker"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(local.Supervise(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "stoker-dev:", err)
		for _, problem := range job.ProblemsOf(err) {
			if problem != err.Error() {
				fmt.Fprintln(os.Stderr, "  -", problem)
			}
		}
		os.Exit(1)
	}
}

// flags of the command.
type flags struct {
	state     string
	offset    int
	venv      string
	hadoop    string
	noSamples bool
	samples   []string
	once      bool
	events    string
	parts     []string
	hold      string
	verbose   bool
}

func command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use: "stoker-dev", Short: "A whole Stoker in one process, for trying it out and for tests",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.state, "state", ".state", "directory of everything that outlives the process")
	cmd.Flags().IntVar(&f.offset, "port-offset", 0, "shifts all ports, so that several can run side by side")
	cmd.Flags().StringVar(&f.venv, "venv", defaultVenv(), "virtual environment with PySpark")
	cmd.Flags().StringVar(&f.hadoop, "hadoop", "", "run jobs on the Hadoop cluster of this state directory (make hadoop-up), not on this host")
	cmd.Flags().BoolVar(&f.noSamples, "no-samples", false, "start without sample jobs")
	cmd.Flags().StringArrayVar(&f.samples, "sample", nil, "run only samples whose names have this in them; may repeat")
	cmd.Flags().BoolVar(&f.once, "once", false, "exit after the samples; status 0 only if each ended as expected")
	cmd.Flags().StringVar(&f.events, "events", "", "file for how each sample ended, in the lines of go test -json")
	cmd.Flags().StringSliceVar(&f.parts, "parts", nil, "temporal, modelmanage, worker, starter or api; may repeat (default: all)")
	cmd.Flags().StringVar(&f.hold, "hold", "", "block the worker at PHASE[:before|after] of a job and create STATE/held, for fault tests")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "log to the terminal instead of STATE/stoker-dev.log")
	return cmd
}

// defaultVenv is where make build puts it: beside the folder of this binary.
func defaultVenv() string {
	self, err := os.Executable()
	if err != nil {
		return ".tools/venv"
	}
	return filepath.Join(filepath.Dir(filepath.Dir(self)), ".tools", "venv")
}

func run(ctx context.Context, f flags) error {
	if f.noSamples && (f.once || len(f.samples) > 0) {
		return errors.New("--no-samples excludes --once and --sample, which are about the samples")
	}
	began := time.Now()
	state, err := filepath.Abs(f.state)
	if err != nil {
		return err
	}
	spark, err := stack.FindSpark(f.venv)
	if err != nil {
		return err
	}
	logger, closeLog, err := openLog(state, f.verbose)
	if err != nil {
		return err
	}
	defer closeLog()
	hold, err := worker.ParseHold(f.hold, filepath.Join(state, "held"))
	if err != nil {
		return err
	}
	options := stack.Options{
		State: state, Ports: stack.PortsAt(f.offset), Spark: spark, Supervisor: supervisor(), Hold: hold, Logger: logger,
	}
	for _, part := range f.parts {
		options.Parts = append(options.Parts, stack.Part(part))
	}
	if f.hadoop != "" {
		if err := onHadoop(ctx, f.hadoop, &options); err != nil {
			return err
		}
	}
	s, err := stack.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stoker-dev: while stopping:", err)
		}
	}()
	fmt.Printf("Stoker is ready after %.1f s.\n\n", time.Since(began).Seconds())
	sayWhere(options.Ports, f.parts)
	if f.noSamples || len(f.parts) > 0 {
		fmt.Println("Ctrl-C stops it.")
		<-ctx.Done()
		return nil
	}
	jobs, failed, err := showSamples(ctx, s, state, f.samples, f.events)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	if f.once {
		if failed > 0 {
			return fmt.Errorf("%d samples did not end as expected; see %s", failed, filepath.Join(state, "stoker-dev.log"))
		}
		return nil
	}
	lookAt(options, jobs)
	<-ctx.Done()
	fmt.Println("\nstopping")
	return nil
}

// onHadoop makes a running Hadoop cluster the one that jobs run on, and puts this
// Spark into its file system.
func onHadoop(ctx context.Context, state string, options *stack.Options) error {
	cluster, err := hadoop.Load(state)
	if err != nil {
		return err
	}
	options.Hadoop = &stack.Hadoop{ConfDir: cluster.ConfDir, User: cluster.User, JavaHome: cluster.JavaHome}
	c, err := stack.WriteConfig(*options)
	if err != nil {
		return err
	}
	st, dir, err := worker.OpenRuntimes(c, "yarn", worker.Openings{Logger: options.Logger})
	if err != nil {
		return err
	}
	next := time.Now().Add(2 * time.Second)
	runtime, err := yarn.StageRuntime(ctx, st, dir, options.Spark.Home, func(done, total int64) {
		if time.Now().After(next) {
			next = time.Now().Add(2 * time.Second)
			fmt.Printf("uploading Spark to the cluster: %d of %d MB\n", done/1e6, total/1e6)
		}
	})
	if err != nil {
		return fmt.Errorf("put Spark into the cluster's file system: %w", err)
	}
	fmt.Printf("Hadoop %s at %s has Spark %s\n", cluster.Version, cluster.Addresses.ResourceManagerWeb, runtime.SparkVersion)
	return nil
}

// supervisor is the small binary beside this one where it is there: it stays in
// memory for as long as its application.
func supervisor() []string {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	small := filepath.Join(filepath.Dir(self), "stoker")
	if info, err := os.Stat(small); err == nil && info.Mode().IsRegular() {
		return []string{small, "supervise"}
	}
	return []string{self, "supervise"}
}

func openLog(state string, verbose bool) (*slog.Logger, func(), error) {
	if verbose {
		return telemetry.NewLogger(os.Stderr, "info", "text"), func() {}, nil
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the state directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(state, "stoker-dev.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	return telemetry.NewLogger(file, "info", "text"), func() { _ = file.Close() }, nil // nothing more is written
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func page(port int) string { return "http://" + address(port) }

// sayWhere says where the parts listen, none standing for all of them, and how the
// commands find an API that is not where they look for it.
func sayWhere(ports stack.Ports, parts []string) {
	for _, place := range []struct {
		part        stack.Part
		name, where string
	}{
		{stack.PartAPI, "API", page(ports.API)},
		{stack.PartTemporal, "Temporal", address(ports.Temporal)},
		{stack.PartTemporal, "Web UI", page(ports.WebUI)},
		{stack.PartModelManage, "model-manage simulator", page(ports.ModelManage)},
	} {
		if len(parts) == 0 || slices.Contains(parts, string(place.part)) {
			fmt.Printf("  %-24s%s\n", place.name, place.where)
		}
	}
	if ports.API != stack.PortsAt(0).API && (len(parts) == 0 || slices.Contains(parts, string(stack.PartAPI))) {
		fmt.Printf("The commands find it with   export STOKER_SERVER=%s\n", page(ports.API))
	}
	fmt.Println()
}

// lookAt says what there is to see and do.
func lookAt(options stack.Options, jobs []samples.Sample) {
	id := job.Key{Source: job.SourceModelManage, ID: jobs[0].ID()}.WorkflowID()
	at := ""
	if options.Ports.Temporal != 7233 {
		at = " --address " + address(options.Ports.Temporal)
	}
	fmt.Printf(`
Look at
  every job in the Web UI     %s
  the documents               %s/model-manage/api/jobs
  one document's revisions    %s/sim/jobs/%s/revisions
  the log                     %s
With bin/stoker, in another terminal
  every job                   bin/stoker list
  one of your own             bin/stoker submit --wait dev/samples/jobs/wordcount.py "$PWD/README.md"
With the temporal CLI
  show a job                  temporal workflow show%s --workflow-id %s
  cancel one by signal        temporal workflow signal%s --name cancel --workflow-id ID
  cancel one natively         temporal workflow cancel%s --workflow-id ID
Ctrl-C stops everything; the state in %s is kept (make clean removes it).
`, page(options.Ports.WebUI), page(options.Ports.ModelManage), page(options.Ports.ModelManage), jobs[0].ID(),
		filepath.Join(options.State, "stoker-dev.log"), at, id, at, at, options.State)
}
