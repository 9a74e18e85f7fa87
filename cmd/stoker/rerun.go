package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/jobs"
)

func rerunCommand() *cobra.Command {
	u := &user{}
	var wait bool
	cmd := &cobra.Command{
		Use: "rerun ID", Short: "Run a job that has ended once more", Args: oneJob, ValidArgsFunction: first(completeJobs(jobs.Query{Phase: "done"})),
		Long: "Runs a job that has ended once more, with the same options and files and as the same user, and\n" +
			"prints the new job's id. --wait is as with stoker submit.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := u.client(cmd)
			if err != nil {
				return err
			}
			again, err := c.Rerun(cmd.Context(), args[0])
			if errors.Is(err, client.ErrUncertain) {
				return fmt.Errorf("%w; stoker list shows whether there is a new job", err)
			}
			if err != nil {
				return err
			}
			return u.started(cmd, c, again, wait)
		},
	}
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait until the job has ended")
	return u.command(cmd)
}
