package packaging

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql" // what docker-compose.yml names
	"go.temporal.io/server/temporal"
	"go.temporal.io/server/tools/sql"
	"google.golang.org/protobuf/types/known/durationpb"
)

// programs of Temporal's images by their names.
var programs = map[string]func(args []string) int{
	"temporal-sql-tool": func(args []string) int { return exit(sql.RunTool(args)) },
	"temporal-server":   func([]string) int { return exit(serveTemporal()) },
	"temporal":          func(args []string) int { return exit(temporalCLI(args[1:])) },
}

func exit(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// serveTemporal is "temporal-server start", as the image of the server runs it: its
// configuration is a template in the server, filled from the environment.
func serveTemporal() error {
	conf, err := config.Load(config.WithEmbedded())
	if err != nil {
		return err
	}
	server, err := temporal.NewServer(
		temporal.ForServices(temporal.DefaultServices), temporal.WithConfig(conf),
		temporal.WithLogger(log.NewZapLogger(log.BuildZapLogger(conf.Log))),
		temporal.InterruptOn(temporal.InterruptCh()), temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
	)
	if err != nil {
		return err
	}
	return server.Start()
}

// temporalCLI stands in for the commands of Temporal's CLI that docker-compose.yml
// uses.
func temporalCLI(args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var (
		namespace, retention string
		dialled              client.Client
	)
	root := &cobra.Command{Use: "temporal", SilenceUsage: true, SilenceErrors: true, PersistentPreRunE: func(*cobra.Command, []string) (err error) {
		dialled, err = client.DialContext(ctx, client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS")})
		return err
	}}
	operator, cluster, namespaces := &cobra.Command{Use: "operator"}, &cobra.Command{Use: "cluster"}, &cobra.Command{Use: "namespace"}
	attributes := &cobra.Command{Use: "search-attribute"}
	root.PersistentFlags().StringVar(&namespace, "namespace", "", "")
	attributes.AddCommand(&cobra.Command{Use: "list", RunE: func(*cobra.Command, []string) error {
		_, err := dialled.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		return err
	}})
	cluster.AddCommand(&cobra.Command{Use: "health", RunE: func(*cobra.Command, []string) error {
		_, err := dialled.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	}})
	namespaces.AddCommand(&cobra.Command{Use: "describe", RunE: func(*cobra.Command, []string) error {
		_, err := dialled.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
		return err
	}})
	create := &cobra.Command{Use: "create", RunE: func(*cobra.Command, []string) error {
		var days int64
		if _, err := fmt.Sscanf(retention, "%dd", &days); err != nil {
			return err
		}
		_, err := dialled.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(time.Duration(days) * 24 * time.Hour),
		})
		return err
	}}
	create.Flags().StringVar(&retention, "retention", "", "")
	namespaces.AddCommand(create)
	operator.AddCommand(cluster, namespaces, attributes)
	root.AddCommand(operator)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}
