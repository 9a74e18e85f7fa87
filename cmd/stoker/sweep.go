package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/starter"
	"github.com/stoker-spark/stoker/worker"
	"github.com/stoker-spark/stoker/workflows"
)

// sweepFlags are what a sweep by hand may do beyond the scheduled one.
type sweepFlags struct {
	clusters        []string
	includeUnknown  bool
	acceptNamespace bool
	dryRun          bool
	grace           time.Duration
	format          string
}

func sweepCommand(flags *common) *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use: "sweep", Short: "End what nobody looks after: jobs of terminated workflows, leftovers, orphans", Args: noWords,
		Long: "Looks, on each cluster, for what carries this installation's id and has no open workflow, and ends\n" +
			"it: the application is killed, logs are archived, the job is reported as ended, files are deleted.\n" +
			"What Temporal does not know is listed and left alone, unless --include-unknown is given. The same\n" +
			"runs by schedule (sweep.interval). A cluster's worker does the work, so one must run.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, flags)
		},
	}
	cmd.Flags().BoolVar(&f.includeUnknown, "include-unknown", false, "end what Temporal does not know, too")
	f.add(cmd)
	return cmd
}

func (f *sweepFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.clusters, "cluster", nil, "cluster to look at; may repeat (default: every configured one)")
	cmd.Flags().BoolVar(&f.acceptNamespace, "accept-namespace", false, "make this Temporal namespace the one on record: the old database is lost for good")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only look")
	cmd.Flags().DurationVar(&f.grace, "grace", 0, "how long a workflow must have been closed (default: sweep.grace)")
	cmd.Flags().StringVarP(&f.format, "output", "o", "text", "text or json")
}

// sweepReport is what the commands print as JSON.
type sweepReport struct {
	Clusters    []workflows.SweepResult `json:"clusters"`
	ModelManage *starter.Reconciled     `json:"modelManage,omitempty"`
}

// open begins a command, once its flags make sense.
func (f *sweepFlags) open(flags *common) (*process, error) {
	if f.format != "text" && f.format != "json" {
		return nil, fmt.Errorf("--output must be text or json, got %q", f.format)
	}
	return flags.open()
}

// run sweeps every cluster.
func (f *sweepFlags) run(cmd *cobra.Command, flags *common) error {
	p, err := f.open(flags)
	if err != nil {
		return err
	}
	defer p.close()
	var report sweepReport
	report.Clusters, err = f.sweep(cmd, p, func(*workflows.SweepInput) {})
	return errors.Join(f.print(cmd, report), err, failures(report.Clusters))
}

func (f *sweepFlags) print(cmd *cobra.Command, report sweepReport) error {
	if f.format == "json" {
		return printJSON(cmd, report)
	}
	var b strings.Builder
	for _, r := range report.Clusters {
		writeSweep(&b, r)
	}
	if report.ModelManage != nil {
		writeReconciled(&b, *report.ModelManage)
	}
	_, err := io.WriteString(cmd.OutOrStdout(), b.String())
	return err
}

// failures says what could not be ended or cleaned; the sweeps went on behind it.
func failures(results []workflows.SweepResult) error {
	var errs []error
	for _, r := range results {
		if len(r.Failed) > 0 {
			errs = append(errs, fmt.Errorf("cluster %s: %d could not be ended or cleaned", r.Cluster, len(r.Failed)))
		}
	}
	return errors.Join(errs...)
}

// sweep sweeps the clusters, each changed as the command wants it, until there is no
// more.
func (f *sweepFlags) sweep(cmd *cobra.Command, p *process, change func(*workflows.SweepInput)) ([]workflows.SweepResult, error) {
	names := f.clusters
	if len(names) == 0 {
		names = p.config.ClusterNames()
	}
	var errs []error
	results := []workflows.SweepResult{}
	for _, name := range names {
		if _, ok := p.config.Clusters[name]; !ok {
			return results, fmt.Errorf("cluster %q is not configured; the configured ones are %s", name, strings.Join(p.config.ClusterNames(), ", "))
		}
		in := worker.SweepInput(p.config, name)
		in.IncludeUnknown, in.AcceptNamespace, in.DryRun = f.includeUnknown, f.acceptNamespace, f.dryRun
		if f.grace > 0 {
			in.Grace = f.grace
		}
		change(&in)
		for {
			result, err := worker.SweepNow(cmd.Context(), p.temporal, in)
			if err != nil {
				errs = append(errs, fmt.Errorf("sweep cluster %s: %w", name, err))
				break
			}
			results = append(results, result)
			if !result.More || in.DryRun || !result.Changed() {
				break
			}
		}
	}
	return results, errors.Join(errs...)
}

func writeSweep(b *strings.Builder, r workflows.SweepResult) {
	fmt.Fprintf(b, "cluster %s: looked at %d attempts that are not clean\n", r.Cluster, r.Looked)
	if r.Recorded {
		b.WriteString("  the namespace was put on record\n")
	}
	for _, list := range []struct {
		what string
		all  []string
	}{
		{"ended", r.Ended},
		{"cleaned", r.Cleaned},
		{"adopted", r.Adopted},
		{"unknown to Temporal", r.Unknown},
		{"application without a directory", r.Orphans},
		{"FAILED", r.Failed},
	} {
		for _, line := range list.all {
			fmt.Fprintf(b, "  %-31s %s\n", list.what, line)
		}
	}
	if r.More {
		b.WriteString("  there is more than one sweep takes on\n")
	}
	if e := r.Expired; e.Jobs+e.Artifacts+e.Logs > 0 {
		fmt.Fprintf(b, "  deleted: markers of %d jobs, %d artifacts, logs of %d jobs\n", e.Jobs, e.Artifacts, e.Logs)
	}
}

func reconcileCommand(flags *common) *cobra.Command {
	f := sweepFlags{}
	cmd := &cobra.Command{
		Use: "reconcile", Short: "Give jobs a workflow again after Temporal's database was lost or restored", Args: noWords,
		Long: "Adopts what runs on the clusters and has no workflow: it is watched, collected and reported, and\n" +
			"never launched again. Documents at model-manage that wait or run without anything of theirs on a\n" +
			"cluster end with ERROR. After the loss of Temporal's database add --accept-namespace: the new\n" +
			"namespace is another one, and nothing is touched before you say that the old one is gone.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := f.open(flags)
			if err != nil {
				return err
			}
			defer p.close()
			// First the clusters: what is there is adopted, whatever its document says.
			var report sweepReport
			report.Clusters, err = f.sweep(cmd, p, func(in *workflows.SweepInput) {
				in.Adopt = true
				if f.grace == 0 {
					in.Grace = time.Second // what Temporal does not know is certain at once
				}
			})
			if err == nil && !f.dryRun && p.config.HasModelManage() {
				report.ModelManage, err = reconcileDocuments(cmd, p)
			}
			return errors.Join(f.print(cmd, report), err, failures(report.Clusters))
		},
	}
	f.add(cmd)
	return cmd
}

func reconcileDocuments(cmd *cobra.Command, p *process) (*starter.Reconciled, error) {
	s, err := worker.OpenStarter(p.config, p.temporal, nil, p.logger, true)
	if err != nil {
		return nil, err
	}
	result, err := s.Reconcile(cmd.Context())
	return &result, err
}

func writeReconciled(b *strings.Builder, r starter.Reconciled) {
	fmt.Fprintf(b, "model-manage: %d documents wait or run\n", r.Looked)
	for _, list := range []struct {
		what string
		all  []string
	}{{"adopted", r.Adopted}, {"ended", r.Ended}, {"left", r.Left}} {
		for _, line := range list.all {
			fmt.Fprintf(b, "  %-8s %s\n", list.what, line)
		}
	}
}
