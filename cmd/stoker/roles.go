package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/worker"
)

func workerCommand(flags *common) *cobra.Command {
	var (
		clusters, roles []string
		hold, holdFile  string
	)
	cmd := &cobra.Command{
		Use: "worker", Short: "Run jobs: serve the task queues of workflows and clusters", Args: noWords,
		Long: "Runs jobs. Without flags it takes every role and every configured cluster. On an edge node\n" +
			"name its own cluster and the roles control and io; the workflows then run elsewhere.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			holding, err := worker.ParseHold(hold, holdFile)
			if err != nil {
				return err
			}
			p, err := flags.openRole(cmd, "worker", "http", "worker/httpAddress")
			if err != nil {
				return err
			}
			defer p.close()
			options := worker.Options{
				Config: p.config, Client: p.temporal, Namespace: p.namespace, Logger: p.logger, Metrics: p.metrics, Hold: holding, Roles: roleList(roles),
			}
			if options.Sources, _, err = worker.OpenSources(p.config); err != nil {
				return err
			}
			if len(clusters) == 0 && options.ServesClusters() {
				clusters = p.config.ClusterNames()
			}
			if options.Clusters, err = worker.OpenClusters(p.config, clusters, worker.Openings{Hold: holding, Logger: p.logger}); err != nil {
				return err
			}
			w, err := worker.New(options)
			if err != nil {
				return err
			}
			return w.Run(cmd.Context())
		},
	}
	cmd.Flags().StringSliceVar(&clusters, "cluster", nil, "cluster to serve; may repeat (default: every configured one)")
	cmd.Flags().StringSliceVar(&roles, "role", nil, "workflows, control or io; may repeat (default: all)")
	cmd.Flags().String("http", "", "address of /healthz, /readyz and /metrics")
	cmd.Flags().StringVar(&hold, "hold", "", "block at this point of a job, for fault tests")
	cmd.Flags().StringVar(&holdFile, "hold-file", "held", "file made when the point is reached")
	for _, name := range []string{"hold", "hold-file"} {
		if err := cmd.Flags().MarkHidden(name); err != nil {
			panic(fmt.Sprintf("flag %s: %v", name, err)) // the flag is defined above
		}
	}
	return cmd
}

func roleList(names []string) []worker.Role {
	roles := make([]worker.Role, 0, len(names))
	for _, name := range names {
		roles = append(roles, worker.Role(strings.TrimSpace(name)))
	}
	return roles
}

func starterCommand(flags *common) *cobra.Command {
	cmd := &cobra.Command{
		Use: "starter", Short: "Find jobs at model-manage and start their workflows", Args: noWords,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := flags.openRole(cmd, "starter", "http", "starter/httpAddress")
			if err != nil {
				return err
			}
			defer p.close()
			s, err := worker.OpenStarter(p.config, p.temporal, p.metrics, p.logger, false)
			if err != nil {
				return err
			}
			return s.Run(cmd.Context())
		},
	}
	cmd.Flags().String("http", "", "address of /healthz, /readyz and /metrics")
	return cmd
}

func adminCommand(flags *common) *cobra.Command {
	admin := &cobra.Command{Use: "admin", Short: "Set up and look after an installation"}
	admin.AddCommand(sweepCommand(flags), reconcileCommand(flags), initCommand(flags))
	return admin
}

func initCommand(flags *common) *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "init", Short: "Register the search attributes the namespace lacks", Args: noWords,
		Long: "Registers the search attributes the namespace lacks, and waits until the server takes them.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger := telemetry.NewLogger(cmd.ErrOrStderr(), flags.logLevel, flags.logFormat)
			temporal, namespace, err := dial(logger, nil, nil)
			if err != nil {
				return err
			}
			defer temporal.Close()
			added, err := worker.InitNamespace(cmd.Context(), temporal, namespace)
			if err != nil {
				return err
			}
			if err := worker.AwaitNamespace(cmd.Context(), temporal, namespace); err != nil {
				return err
			}
			if out.json() {
				return printJSON(cmd, map[string]any{"namespace": namespace, "registered": append([]string{}, added...)})
			}
			if len(added) == 0 {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "namespace %s has every search attribute already\n", namespace)
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "namespace %s: registered %s\n", namespace, strings.Join(added, ", "))
			return err
		},
	}
	out.flag(cmd)
	return cmd
}
