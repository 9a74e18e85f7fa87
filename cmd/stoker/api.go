package main

import (
	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/wiring"
)

func apiCommand(flags *common) *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use: "api", Short: "Serve the REST API", Args: cobra.NoArgs,
		Long: "Serves the REST API through which jobs are submitted, looked at and ended. It needs Temporal and\n" +
			"the file systems of the clusters, for logs, records and uploads; no cluster manager.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			overrides := map[string]any{}
			if cmd.Flags().Changed("address") {
				overrides["api/address"] = address
			}
			c, logger, err := flags.load(overrides)
			if err != nil {
				return err
			}
			metrics, err := telemetry.NewMetrics()
			if err != nil {
				return err
			}
			traces, err := telemetry.OpenTraces(cmd.Context(), "stoker-api", buildVersion(), logger)
			if err != nil {
				return err
			}
			defer traces.Close()
			temporal, namespace, err := dial(logger, metrics, traces)
			if err != nil {
				return err
			}
			defer temporal.Close()
			server, err := wiring.API(c, temporal, namespace, metrics, traces, logger)
			if err != nil {
				return err
			}
			return server.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&address, "address", "", "address to serve on, in place of api.address")
	return cmd
}
