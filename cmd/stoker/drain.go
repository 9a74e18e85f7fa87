package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

func drainCommand() *cobra.Command {
	u := &user{}
	var (
		reason       string
		wait, resume bool
	)
	cmd := &cobra.Command{
		Use: "drain CLUSTER", Short: "Launch nothing on a cluster any more, or again", ValidArgsFunction: first(completeClusters()),
		Long: "Closes a cluster to new applications: what runs there goes on, and jobs that come wait before\n" +
			"their launch, until --resume opens it again. With --wait the exit status is 0 once no job of\n" +
			"Stoker is left on it. It needs the role admin where the server has users.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return fmt.Errorf("%s takes the name of one cluster, got %d words; stoker clusters shows the names", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := u.client(cmd)
			if err != nil {
				return err
			}
			var view jobs.ClusterView
			if resume {
				view, err = c.Resume(cmd.Context(), args[0])
			} else {
				view, err = c.Drain(cmd.Context(), args[0], reason)
			}
			if err != nil {
				return err
			}
			if wait {
				if view, err = untilEmpty(cmd, c, view); err != nil {
					return err
				}
			}
			if u.output.json() {
				return printJSON(cmd, view)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), clusterState(view))
			return err
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those whose jobs wait")
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait until nothing of Stoker is left on the cluster")
	cmd.Flags().BoolVar(&resume, "resume", false, "end the drain: launch again")
	cmd.MarkFlagsMutuallyExclusive("resume", "wait")
	cmd.MarkFlagsMutuallyExclusive("resume", "reason")
	return u.command(cmd)
}

// emptyFor is how long a cluster must have been empty to be taken for it.
const emptyFor = 5 * time.Second

// untilEmpty waits until nothing is left on a drained cluster. Ctrl-C ends only the
// waiting.
func untilEmpty(cmd *cobra.Command, c *client.Client, view jobs.ClusterView) (jobs.ClusterView, error) {
	c = c.Patient(waitPatience)
	said := int64(-1)
	// The server may be some moments behind: one look that finds nothing proves nothing.
	var emptySince time.Time
	for {
		switch {
		case view.Problem != "":
			return view, job.Errorf(job.CodeUnavailable, "nobody can tell whether cluster %s is still drained: %s", view.Name, view.Problem)
		case view.Drained == nil:
			return view, job.Errorf(job.CodeConflict, "somebody has ended the drain of cluster %s", view.Name)
		case view.Drained.Live == 0 && emptySince.IsZero():
			emptySince = time.Now()
		case view.Drained.Live == 0 && time.Since(emptySince) >= emptyFor:
			return view, nil
		case view.Drained.Live == 0:
		case view.Drained.Live != said:
			emptySince = time.Time{}
			said = view.Drained.Live
			cmd.PrintErrf("%s  %s\n", time.Now().Format("15:04:05"), clusterState(view))
		}
		if err := pauseFor(cmd.Context(), lookEvery); err != nil {
			cmd.PrintErrf("cluster %s stays drained; stoker drain --resume %[1]s opens it\n", plainLine(view.Name))
			return view, sayingf("interrupted; cluster %s stays drained", view.Name)
		}
		all, err := c.Clusters(cmd.Context())
		if cmd.Context().Err() != nil {
			continue
		}
		if err != nil {
			return view, err
		}
		found := false
		for _, one := range all {
			if one.Name == view.Name {
				view, found = one, true
			}
		}
		if !found {
			return view, job.Errorf(job.CodeNotFound, "the server does not know cluster %s any more", view.Name)
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// drainedWords are the column of a list of clusters.
func drainedWords(v jobs.ClusterView) string {
	switch {
	case v.Problem != "":
		return "unknown"
	case v.Drained == nil:
		return ""
	case v.Drained.Live == 0:
		return "empty"
	}
	return fmt.Sprintf("%d live", v.Drained.Live)
}

// clusterState says in a line whether a cluster takes applications.
func clusterState(v jobs.ClusterView) string {
	name := plainLine(v.Name)
	switch {
	case v.Problem != "":
		return fmt.Sprintf("nobody can tell whether cluster %s is drained: %s", name, plainLine(v.Problem))
	case v.Drained == nil:
		return fmt.Sprintf("cluster %s launches applications; open jobs: %d", name, v.OpenJobs)
	}
	words := "cluster " + name + " is drained"
	if v.Drained.By != "" {
		words += " by " + plainLine(v.Drained.By)
	}
	if v.Drained.Reason != "" {
		words += " (" + plainLine(v.Drained.Reason) + ")"
	}
	if v.Drained.Live == 0 {
		return fmt.Sprintf("%s and empty; waiting jobs: %d", words, v.OpenJobs)
	}
	return fmt.Sprintf("%s; jobs still on it: %d, waiting: %d", words, v.Drained.Live, max(v.OpenJobs-v.Drained.Live, 0))
}
