package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

func cancelCommand() *cobra.Command {
	u := &user{}
	var (
		reason string
		wait   bool
	)
	cmd := &cobra.Command{
		Use: "cancel ID", Short: "End a job", Args: oneJob, ValidArgsFunction: first(completeJobs(jobs.Query{Result: "none"})),
		Long: "Asks for a job's end: its application is killed and confirmed gone before the job ends as\n" +
			"cancelled. One that succeeds meanwhile stays succeeded. With --wait the exit status is 0 once the\n" +
			"job has ended, however it did, unless nobody can tell whether its application is gone (lost).",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := u.client(cmd)
			if err != nil {
				return err
			}
			found, asked, err := c.Cancel(cmd.Context(), args[0], reason)
			if err != nil {
				return err
			}
			if asked && wait {
				if found, err = newWaiting(cmd, c, found).run(cmd.Context()); err != nil {
					return err
				}
			}
			switch {
			case u.output.json():
				err = printJSON(cmd, found)
			case found.Outcome == nil:
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "job %s is being ended; stoker status %[1]s shows it\n", plainLine(found.ID))
			case !asked:
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "job %s had ended before: %s\n", plainLine(found.ID), outcomeWord(found.Outcome))
			}
			if err == nil && wait && found.Outcome != nil && found.Outcome.Result == job.ResultLost {
				if !u.output.json() {
					cmd.PrintErr(outcomeDetails(found.Outcome))
				}
				return endedOtherwise(found)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who look at the job later")
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait until the job has ended")
	return u.command(cmd)
}
