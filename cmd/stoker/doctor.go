package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/doctor"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/worker"
)

// errUnwell is the end of an examination that found a failure; its report has
// said all there is to say.
var errUnwell = errors.New("something that jobs need does not work")

func doctorCommand(flags *common) *cobra.Command {
	var (
		clusters []string
		format   string
		deadline time.Duration
	)
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look whether jobs can run, and say how to mend what keeps them from it", Args: noWords,
		Long: "Looks at Temporal, model-manage and each cluster as a worker on this host would use them. Each\n" +
			"line says what is so and, if something is wrong, what to do. Nothing is changed, but for a\n" +
			"cluster's root, which is made if it is missing. The exit status is 1 if anything failed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("--output must be text or json, got %q", format)
			}
			if deadline <= 0 {
				return fmt.Errorf("--timeout must be positive, got %s", deadline)
			}
			c, _, err := flags.load(nil)
			if err != nil {
				return err
			}
			// The clients' own logs would say everything twice.
			options, err := dialOptions(telemetry.NewLogger(io.Discard, "", ""), nil, nil)
			if err != nil {
				return err
			}
			temporal, err := client.NewLazyClient(options)
			if err != nil {
				return fmt.Errorf("read temporal's environment configuration: %w", err)
			}
			defer temporal.Close()
			checks := append(worker.CheckTemporal(temporal, options.HostPort, options.Namespace), worker.CheckModelManage(c)...)
			checks = append(checks, worker.CheckDeployment(temporal, c.Worker.Deployment)...)
			if len(clusters) == 0 {
				clusters = c.ClusterNames()
			}
			for _, name := range clusters {
				checks = append(checks, worker.CheckSweep(temporal, c, name)...)
			}
			for _, name := range clusters {
				checks = append(checks, worker.CheckCluster(c, name)...)
			}
			report := doctor.Examine(cmd.Context(), checks, deadline)
			if format == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				encoder.SetEscapeHTML(false)
				err = encoder.Encode(report)
			} else {
				err = doctor.Print(cmd.OutOrStdout(), report)
			}
			if err == nil && !report.OK {
				err = errUnwell
			}
			return err
		},
	}
	cmd.Flags().StringSliceVar(&clusters, "cluster", nil, "cluster to look at; may repeat (default: every configured one)")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	cmd.Flags().DurationVar(&deadline, "timeout", 15*time.Second, "how long each look may take")
	return cmd
}
