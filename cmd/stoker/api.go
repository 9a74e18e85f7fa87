package main

import (
	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/wiring"
)

func apiCommand(flags *common) *cobra.Command {
	cmd := &cobra.Command{
		Use: "api", Short: "Serve the REST API", Args: noWords,
		Long: "Serves the REST API through which jobs are submitted, looked at and ended. It needs Temporal and\n" +
			"the file systems of the clusters, for logs, records and uploads; no cluster manager. While Temporal\n" +
			"cannot be reached, jobs that have ended and their logs are served all the same.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := flags.openRole(cmd, roleAPI, "address", "api/address")
			if err != nil {
				return err
			}
			defer p.close()
			server, err := wiring.API(p.config, p.temporal, p.namespace, p.metrics, p.traces, p.logger)
			if err != nil {
				return err
			}
			go p.warnUnreached(cmd.Context())
			return server.Run(cmd.Context())
		},
	}
	cmd.Flags().String("address", "", "address to serve on, in place of api.address")
	return cmd
}
