// Command hadoop starts and stops a one-machine Hadoop cluster for tests; see
// package hadoop. Results go to standard output as JSON, all else to standard
// error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/dev/hadoop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "hadoop:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	o := hadoop.Options{Progress: func(line string) { fmt.Fprintln(os.Stderr, line) }}
	root := &cobra.Command{
		Use: "hadoop", Short: "A one-machine Hadoop cluster for tests",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&o.State, "state", ".state/hadoop", "directory of all that the cluster writes")

	var settings []string
	up := &cobra.Command{
		Use: "up", Short: "Start the cluster, or what of it does not run, and print where it is", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, setting := range settings {
				var err error
				if o.Config, err = o.Config.ParseSetting(setting); err != nil {
					return err
				}
			}
			c, err := hadoop.Up(cmd.Context(), o)
			if err != nil {
				return err
			}
			return show(c)
		},
	}
	flags := func(cmd *cobra.Command) {
		f := cmd.Flags()
		f.StringVar(&o.Tools, "tools", ".tools/hadoop", "directory of downloads")
		f.StringVar(&o.Version, "version", hadoop.DefaultVersion, "version of Hadoop")
		f.IntVar(&o.PortOffset, "port-offset", 0, "shifts all ports, so that several can run side by side; use multiples of 100")
		f.StringVar(&o.JavaHome, "java-home", "", "Java of the daemons (default: JAVA_HOME, then java on the PATH)")
		f.BoolVar(&o.Fresh, "fresh", false, "forget the data, stopping a running cluster first")
		f.StringArrayVar(&settings, "set", nil, "[daemon:]key=value on top of the configuration; may repeat")
	}
	flags(up)
	root.AddCommand(up)

	down := &cobra.Command{
		Use: "down", Short: "Stop the cluster with all containers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return hadoop.Down(cmd.Context(), o.State) },
	}
	// What a cluster was started with is taken here, too, and changes nothing: make
	// gives both commands the same HADOOP_ARGS.
	flags(down)
	for _, name := range []string{"tools", "version", "port-offset", "java-home", "fresh", "set"} {
		if err := down.Flags().MarkHidden(name); err != nil {
			panic(err) // there is no such flag
		}
	}
	root.AddCommand(down)
	root.AddCommand(&cobra.Command{
		Use: "status", Short: "Print where the cluster is and which daemons run", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := hadoop.Load(o.State)
			if err != nil {
				return err
			}
			return show(c)
		},
	})
	for name, action := range map[string]struct {
		short string
		do    func(context.Context, *hadoop.Cluster, hadoop.Daemon) error
	}{
		"start": {"Start a daemon and wait until it is ready", func(ctx context.Context, c *hadoop.Cluster, d hadoop.Daemon) error {
			return c.Start(ctx, d)
		}},
		"stop": {"Stop a daemon", func(ctx context.Context, c *hadoop.Cluster, d hadoop.Daemon) error { return c.Stop(ctx, d) }},
		"kill": {"Kill a daemon with SIGKILL", func(ctx context.Context, c *hadoop.Cluster, d hadoop.Daemon) error { return c.Kill(ctx, d) }},
		"pause": {"Freeze a daemon with SIGSTOP", func(_ context.Context, c *hadoop.Cluster, d hadoop.Daemon) error {
			c.Pause(d)
			return nil
		}},
		"resume": {"Let a frozen daemon go on", func(_ context.Context, c *hadoop.Cluster, d hadoop.Daemon) error {
			c.Resume(d)
			return nil
		}},
	} {
		root.AddCommand(&cobra.Command{
			Use: name + " DAEMON", Short: action.short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				d, err := hadoop.ParseDaemon(args[0])
				if err != nil {
					return err
				}
				c, err := hadoop.Load(o.State)
				if err != nil {
					return err
				}
				return action.do(cmd.Context(), c, d)
			},
		})
	}
	return root
}

func show(c *hadoop.Cluster) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(c)
}
