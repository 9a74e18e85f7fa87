package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func clustersCommand() *cobra.Command {
	u := &user{}
	return u.command(&cobra.Command{
		Use: "clusters", Short: "List the clusters that jobs can run on", Args: noWords,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := u.client(cmd)
			if err != nil {
				return err
			}
			all, err := c.Clusters(cmd.Context())
			if err != nil {
				return err
			}
			if u.output.json() {
				return printJSON(cmd, map[string]any{"clusters": all})
			}
			rows := [][]string{{"NAME", "DEFAULT", "WORKERS", "OPEN JOBS", "DRAINED", "PROFILES"}}
			for _, one := range all {
				rows = append(rows, []string{
					one.Name, mark(one.Default, "yes"), strconv.Itoa(one.Workers), strconv.FormatInt(one.OpenJobs, 10), drainedWords(one), strings.Join(one.Profiles, ", "),
				})
			}
			return printTable(cmd.OutOrStdout(), rows)
		},
	})
}
