package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/telemetry"
)

// version is set by the build.
var version = ""

// common are the flags every role has.
type common struct {
	configFile string
	logLevel   string
	logFormat  string
}

func rootCommand() *cobra.Command {
	var flags common
	root := &cobra.Command{
		Use:   "stoker",
		Short: "Durable Spark batch jobs on Temporal",
		Long: "Stoker runs each Spark batch job as one Temporal workflow, so that it always ends properly\n" +
			"and is launched once. The commands for jobs need a server alone (stoker context). How server roles\n" +
			"reach Temporal is told by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PROFILE and the other\n" +
			"variables of the Temporal SDK's environment configuration.",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().StringVarP(&flags.configFile, "config", "c", os.Getenv("STOKER_CONFIG"),
		"configuration file (YAML); default $STOKER_CONFIG")
	root.PersistentFlags().StringVar(&flags.logLevel, "log-level", "", "debug, info, warn or error")
	root.PersistentFlags().StringVar(&flags.logFormat, "log-format", "", "text or json")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misread{err} })
	withVersion(root)
	root.AddGroup(
		&cobra.Group{ID: groupJobs, Title: "Jobs:"},
		&cobra.Group{ID: groupRoles, Title: "Server roles:"},
		&cobra.Group{ID: groupOperation, Title: "Operation:"},
	)
	root.AddCommand(submitCommand(), statusCommand(), logsCommand(), cancelCommand(), rerunCommand(), listCommand(), clustersCommand(), drainCommand(), contextCommand())
	root.AddCommand(inGroup(groupRoles, service(workerCommand(&flags)), service(starterCommand(&flags)), service(apiCommand(&flags)))...)
	admin := adminCommand(&flags)
	admin.AddCommand(tokenCommand())
	root.AddCommand(inGroup(groupOperation, admin, runtimeCommand(&flags), doctorCommand(&flags), versionCommand())...)
	root.SetHelpCommandGroupID(groupOperation)
	root.SetCompletionCommandGroupID(groupOperation)
	offerNoFiles(root)
	return root
}

// service is a command that runs until it is told to stop, which is how it succeeds.
func service(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil {
			return nil
		}
		return err
	}
	return cmd
}

// The groups of commands in help.
const (
	groupJobs      = "jobs"
	groupRoles     = "roles"
	groupOperation = "operation"
)

func inGroup(id string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = id
	}
	return commands
}

func versionCommand() *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: noWords,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out.json() {
				return printJSON(cmd, map[string]string{"version": buildVersion()})
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "stoker", buildVersion())
			return err
		},
	}
	out.flag(cmd)
	return cmd
}

// withVersion gives a command --version, which prints what stoker version does.
func withVersion(cmd *cobra.Command) {
	cmd.Version = buildVersion()
	cmd.SetVersionTemplate("stoker {{.Version}}\n")
}

func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); version == "" && ok {
		return info.Main.Version
	}
	return version
}

// load reads the configuration with the flags on top.
func (f *common) load(overrides map[string]any) (config.Config, *slog.Logger, error) {
	if f.configFile == "" {
		return config.Config{}, nil, errors.New("no configuration: name a file with --config or STOKER_CONFIG (stoker.example.yaml shows every key)")
	}
	if overrides == nil {
		overrides = map[string]any{}
	}
	if f.logLevel != "" {
		overrides["log/level"] = f.logLevel
	}
	if f.logFormat != "" {
		overrides["log/format"] = f.logFormat
	}
	c, err := config.FromEnvironment(f.configFile, overrides)
	if err != nil {
		return config.Config{}, nil, err
	}
	return c, telemetry.NewLogger(os.Stderr, c.Log.Level, c.Log.Format), nil
}

// dial connects to Temporal as the SDK's environment configuration says.
func dial(logger *slog.Logger, metrics *telemetry.Metrics, traces *telemetry.Traces) (client.Client, string, error) {
	options, err := dialOptions(logger, metrics, traces)
	if err != nil {
		return nil, "", err
	}
	c, err := client.Dial(options)
	if err != nil {
		return nil, "", fmt.Errorf("connect to temporal at %s: %w; set TEMPORAL_ADDRESS", options.HostPort, err)
	}
	return c, options.Namespace, nil
}

// dialOptions reads the SDK's environment configuration.
func dialOptions(logger *slog.Logger, metrics *telemetry.Metrics, traces *telemetry.Traces) (client.Options, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return client.Options{}, fmt.Errorf("read temporal's environment configuration: %w", err)
	}
	options.Logger = log.NewStructuredLogger(logger)
	if metrics != nil {
		options.MetricsHandler = metrics.Handler()
	}
	options.Interceptors = append(options.Interceptors, traces.Client()...)
	// What goes to and fro is ids and sizes: compressing it costs more than it saves.
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	return options, nil
}
