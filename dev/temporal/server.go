// Package temporal runs a whole Temporal server with its Web UI inside this
// process, on a SQLite file: for a laptop and for tests, never for production.
package temporal

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"

	"github.com/stoker-spark/stoker/dev/ports"
)

const (
	host        = "127.0.0.1"
	clusterName = "active"
)

// Options of a server.
type Options struct {
	// Database is the SQLite file; it is made if it is not there.
	Database string
	// Port of the frontend (gRPC) on loopback.
	Port int
	// UIPort of the Web UI on loopback; 0 serves none.
	UIPort int
	// Namespaces that exist from the start, beside "default".
	Namespaces []string
	// SearchAttributes of every namespace.
	SearchAttributes map[string]enums.IndexedValueType
	// Dynamic configuration by key, on top of what suits one machine.
	Dynamic map[string]any
	// Logger; nil logs errors only, to standard error.
	Logger log.Logger
}

// Address of the frontend.
func (o Options) Address() string { return fmt.Sprintf("%s:%d", host, o.Port) }

// Server is a running server.
type Server struct {
	server   temporal.Server
	ui       *uiserver.Server
	stopping *atomic.Bool
}

// Start starts a server; it answers when Start returns.
func Start(o Options) (*Server, error) {
	for name, port := range map[string]int{"Temporal": o.Port, "the Temporal Web UI": o.UIPort} {
		if err := portFree(name, port); err != nil {
			return nil, err
		}
	}
	if o.Logger == nil {
		o.Logger = log.NewZapLogger(log.BuildZapLogger(log.Config{Level: "error"}))
	}
	stopping := &atomic.Bool{}
	o.Logger = plain{o.Logger, stopping, &fullDisk{out: os.Stderr}}
	conf, err := o.config()
	if err != nil {
		return nil, err
	}
	authorizer, err := authorization.GetAuthorizerFromConfig(&conf.Global.Authorization)
	if err != nil {
		return nil, fmt.Errorf("set up temporal's authorizer: %w", err)
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(conf),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(staticHosts(conf)),
		temporal.WithLogger(o.Logger),
		temporal.WithAuthorizer(authorizer),
		temporal.WithDynamicConfigClient(o.dynamic()),
	)
	if err != nil {
		return nil, fmt.Errorf("set up temporal: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("start temporal: %w", err)
	}
	s := &Server{server: server, stopping: stopping}
	if o.UIPort != 0 {
		s.startUI(o)
	}
	return s, nil
}

func (s *Server) startUI(o Options) {
	s.ui = uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host: host, Port: o.UIPort, TemporalGRPCAddress: o.Address(), EnableUI: true,
		CORS: uiconfig.CORS{CookieInsecure: true}, HideLogs: true, DisableNewsFetch: true,
	}))
	go func() {
		// The port was free a moment ago; without the UI all else works.
		if err := s.ui.Start(); err != nil {
			fmt.Fprintf(os.Stderr, "the Temporal Web UI stopped: %v\n", err)
		}
	}()
}

// Stop stops the server.
func (s *Server) Stop() error {
	s.stopping.Store(true)
	if s.ui != nil {
		s.ui.Stop()
	}
	return s.server.Stop()
}

func portFree(name string, port int) error {
	if port == 0 {
		return nil
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port))
	if err != nil {
		return fmt.Errorf("port %d for %s is taken: stop what uses it, or shift all ports with --port-offset", port, name)
	}
	return listener.Close()
}

func (o Options) dynamic() dynamicconfig.StaticClient {
	values := dynamicconfig.StaticClient{
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():                 32768,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
	}
	for key, value := range o.Dynamic {
		values[dynamicconfig.MakeKey(key)] = value
	}
	return values
}

func (o Options) config() (*config.Config, error) {
	sql, err := o.database()
	if err != nil {
		return nil, err
	}
	conf := &config.Config{}
	conf.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: host}
	timers := *sql
	timers.PluginName = pluginName
	conf.Persistence = config.Persistence{
		DefaultStore: pluginName, VisibilityStore: sqliteplugin.PluginName, NumHistoryShards: 1,
		DataStores: map[string]config.DataStore{pluginName: {SQL: &timers}, sqliteplugin.PluginName: {SQL: sql}},
	}
	conf.Services = map[string]config.Service{}
	for _, service := range []primitives.ServiceName{
		primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
	} {
		rpc := config.RPC{BindOnIP: host, GRPCPort: o.Port}
		if service != primitives.FrontendService {
			if rpc.GRPCPort, err = ports.Free(); err != nil {
				return nil, err
			}
		} else if rpc.HTTPPort, err = ports.Free(); err != nil {
			return nil, err
		}
		conf.Services[string(service)] = config.Service{RPC: rpc}
	}
	conf.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
			Enabled: true, InitialFailoverVersion: 1, RPCAddress: o.Address(), ClusterID: uuid.NewString(),
		}},
	}
	conf.DCRedirectionPolicy.Policy = "noop"
	conf.Archival.History.State, conf.Archival.Visibility.State = "disabled", "disabled"
	conf.NamespaceDefaults.Archival.History.State = "disabled"
	conf.NamespaceDefaults.Archival.Visibility.State = "disabled"
	conf.PublicClient.HostPort = o.Address()
	return conf, nil
}

// database makes sure that the SQLite file is complete: it is made under
// another name and moved into place, so that a kill half way leaves none.
func (o Options) database() (*config.SQL, error) {
	settings := func(path string) *config.SQL {
		return &config.SQL{PluginName: sqliteplugin.PluginName, DatabaseName: path, ConnectAttributes: map[string]string{
			"mode": "rwc", "journal_mode": "wal", "synchronous": "1", // 3x the default's throughput
		}}
	}
	if _, err := os.Stat(o.Database); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(o.Database), 0o700); err != nil {
			return nil, err
		}
		temporary := o.Database + ".new"
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.RemoveAll(temporary + suffix); err != nil {
				return nil, err
			}
		}
		fresh := settings(temporary)
		fresh.ConnectAttributes = map[string]string{"mode": "rwc"} // one file to move
		if err := sqlite.SetupSchema(fresh); err != nil {
			return nil, fmt.Errorf("make temporal's database %s: %w", temporary, err)
		}
		if err := os.Rename(temporary, o.Database); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	sql := settings(o.Database)
	var namespaces []*sqlite.NamespaceConfig
	for _, name := range append([]string{"default"}, o.Namespaces...) {
		namespace, err := sqlite.NewNamespaceConfig(clusterName, name, false, o.SearchAttributes)
		if err != nil {
			return nil, fmt.Errorf("set up namespace %s: %w", name, err)
		}
		namespaces = append(namespaces, namespace)
	}
	if err := sqlite.CreateNamespaces(sql, namespaces...); err != nil {
		return nil, fmt.Errorf("make temporal's namespaces in %s: %w", o.Database, err)
	}
	return sql, nil
}

func staticHosts(conf *config.Config) map[primitives.ServiceName]static.Hosts {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, service := range conf.Services {
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(fmt.Sprintf("%s:%d", host, service.RPC.GRPCPort))
	}
	return hosts
}
