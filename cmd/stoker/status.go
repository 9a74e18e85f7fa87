package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/jobs"
)

func statusCommand() *cobra.Command {
	u := &user{}
	return u.command(&cobra.Command{
		Use: "status ID", Short: "Show how a job is", Args: oneJob, ValidArgsFunction: first(completeJobs(jobs.Query{})),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := u.client(cmd)
			if err != nil {
				return err
			}
			found, err := c.Get(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return u.printJob(cmd, found)
		},
	})
}

// printJob prints a job whole.
func (u *user) printJob(cmd *cobra.Command, j client.Job) error {
	if u.output.json() {
		return printJSON(cmd, j)
	}
	return printStatus(cmd.OutOrStdout(), j, time.Now())
}

// printStatus says all that is known of a job, a line for each thing.
func printStatus(w io.Writer, j client.Job, now time.Time) error {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-13s %s\n", name+":", plainLine(value))
		}
	}
	line("Job", j.ID)
	line("Name", j.Name)
	line("User", j.User)
	line("Kind", string(j.Kind))
	line("Cluster", j.Cluster)
	line("Queue", j.Queue)
	line("Profile", j.Profile)
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(j.Labels)) {
		labels = append(labels, key+"="+j.Labels[key])
	}
	line("Labels", strings.Join(labels, " "))
	line("Phase", string(j.Phase))
	if j.Outcome != nil {
		line("Outcome", outcomeWord(j.Outcome))
	}
	line("Application", j.ApplicationID)
	if j.Attempt > 1 {
		line("Attempt", fmt.Sprint(j.Attempt))
	}
	at := func(name string, t time.Time) {
		if !t.IsZero() && !j.Times.SubmittedAt.IsZero() && t != j.Times.SubmittedAt {
			line(name, moment(t)+" (after "+took(t.Sub(j.Times.SubmittedAt))+")")
		} else {
			line(name, moment(t))
		}
	}
	at("Submitted", j.Times.SubmittedAt)
	at("Waiting", j.Times.WaitingAt)
	at("Running", j.Times.RunningAt)
	at("Ended", j.Times.EndedAt)
	if j.Outcome == nil && !j.Times.SubmittedAt.IsZero() {
		line("Elapsed", took(now.Sub(j.Times.SubmittedAt)))
	}
	if j.Progress != nil {
		line("Progress", progressWords(j.Progress))
	}
	line("Waits", j.WaitingFor)
	line("Cluster says", j.ClusterSays)
	line("Cancelled by", j.Cancelling)
	line("Web UI", j.Links.WebUI)
	if j.Outcome != nil {
		b.WriteString(outcomeDetails(j.Outcome))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// outcomeWord is the result, and the class of a failed job.
func outcomeWord(o *jobs.Outcome) string {
	if o.Class != "" {
		return fmt.Sprintf("%s (%s)", o.Result, o.Class)
	}
	return string(o.Result)
}

// outcomeDetails is what else is known of an end, each on lines of its own.
func outcomeDetails(o *jobs.Outcome) string {
	var b strings.Builder
	if o.Message != "" {
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(plain(o.Message), "\n"))
	}
	for _, p := range o.Problems {
		if p != o.Message {
			fmt.Fprintf(&b, "  - %s\n", plainLine(p))
		}
	}
	if o.Traceback != "" {
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(plain(o.Traceback), "\n"))
	}
	for _, n := range o.Notes {
		fmt.Fprintf(&b, "note: %s\n", plainLine(n))
	}
	return b.String()
}
