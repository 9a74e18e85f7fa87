// Package stack starts a whole Stoker on one machine, in one process: Temporal
// with its Web UI, a model-manage simulator, a worker, a starter and a local
// Spark. Parts can be left out, so that fault tests run them as processes of
// their own on the same state.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"golang.org/x/sys/unix"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/dev/ports"
	"github.com/stoker-spark/stoker/dev/simulator"
	"github.com/stoker-spark/stoker/dev/temporal"
	"github.com/stoker-spark/stoker/telemetry"
	"github.com/stoker-spark/stoker/wiring"
	"github.com/stoker-spark/stoker/worker"
	"github.com/stoker-spark/stoker/workflows"
)

// Part is one part of the stack.
type Part string

// The parts.
const (
	PartTemporal    Part = "temporal"
	PartModelManage Part = "modelmanage"
	PartWorker      Part = "worker"
	PartStarter     Part = "starter"
	PartAPI         Part = "api"
)

// Parts lists every part.
func Parts() []Part { return []Part{PartTemporal, PartModelManage, PartWorker, PartStarter, PartAPI} }

// Ports on loopback.
type Ports struct{ Temporal, WebUI, ModelManage, Metrics, API int }

// PortsAt returns the default ports, all shifted by an offset.
func PortsAt(offset int) Ports {
	return Ports{Temporal: 7233 + offset, WebUI: 8233 + offset, ModelManage: 8090 + offset, Metrics: 9464 + offset, API: 8998 + offset}
}

// all are the ports themselves.
func (p Ports) all() []int { return []int{p.Temporal, p.WebUI, p.ModelManage, p.Metrics, p.API} }

// FreeOffset finds by how much to shift the ports so that nobody uses them.
func FreeOffset() (int, error) {
	return ports.Block(2000, 21999, func(offset int) []int { return PortsAt(offset).all() })
}

// Options of a stack.
type Options struct {
	// State is the directory of everything that must outlive the process.
	State string
	Ports Ports
	// Parts to start; empty starts all.
	Parts []Part
	Spark Spark
	// Hadoop is a running cluster to run jobs on; nil runs them on this host.
	Hadoop *Hadoop
	// Supervisor is the command line of a local supervisor.
	Supervisor []string
	// Configure changes the configuration before it is used; may be nil.
	Configure func(*config.Config)
	// ArrayMode of the model-manage simulator.
	ArrayMode simulator.ArrayMode
	Hold      worker.Hold
	Logger    *slog.Logger
}

func (o Options) validate() error {
	for _, part := range o.Parts {
		if !slices.Contains(Parts(), part) {
			return fmt.Errorf("there is no part %q; the parts are %v", part, Parts())
		}
	}
	for _, port := range []int{o.Ports.Temporal, o.Ports.WebUI, o.Ports.ModelManage, o.Ports.Metrics, o.Ports.API} {
		if port < 1 || port > 65535 {
			return fmt.Errorf("port %d is none: the port offset leads out of 1 to 65535", port)
		}
	}
	return nil
}

func (o Options) has(part Part) bool { return len(o.Parts) == 0 || slices.Contains(o.Parts, part) }

// Stack is a running stack.
type Stack struct {
	Options     Options
	Config      config.Config
	Client      client.Client
	ModelManage *simulator.Server

	metrics *telemetry.Metrics
	traces  *telemetry.Traces
	cancel  context.CancelFunc
	ended   []chan error // each tells how a part in the background ended
	closers []func() error
}

// Start starts the parts; what Start has returned is ready. A state that another
// process uses is refused.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Stack{Options: o, cancel: cancel}
	defer func() {
		if err != nil {
			_ = s.Stop() // the first error is the one to tell
		}
	}()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if err := s.claimState(); err != nil {
		return nil, err
	}
	if s.Config, err = WriteConfig(o); err != nil {
		return nil, err
	}
	if o.has(PartTemporal) {
		if err := s.startTemporal(); err != nil {
			return nil, err
		}
	}
	if o.has(PartModelManage) {
		if err := s.startModelManage(); err != nil {
			return nil, err
		}
	}
	if s.metrics, err = telemetry.NewMetrics(); err != nil {
		return nil, err
	}
	if s.traces, err = telemetry.OpenTraces(ctx, "stoker-dev", "", o.Logger); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { s.traces.Close(); return nil }) //nolint:contextcheck // it has its own end
	if s.Client, err = dial(ctx, o.Ports, o.Logger, s.metrics.Handler(), s.traces.Client()); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { s.Client.Close(); return nil })
	if o.has(PartTemporal) {
		if err := awaitAttributes(ctx, s.Client); err != nil {
			return nil, err
		}
	}
	if o.has(PartWorker) {
		if err := s.startWorker(ctx); err != nil {
			return nil, err
		}
	}
	if o.has(PartStarter) {
		if err := s.startStarter(ctx); err != nil {
			return nil, err
		}
	}
	if o.has(PartAPI) {
		if err := s.startAPI(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Stop stops the parts in an order that lets jobs go on where they are.
func (s *Stack) Stop() error {
	s.cancel()
	var errs []error
	for _, ended := range s.ended {
		errs = append(errs, <-ended)
	}
	slices.Reverse(s.closers)
	for _, closer := range s.closers {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

// roomNeeded is how much of a disk must be free to start, in bytes: databases and a
// job or two.
const roomNeeded = 64 << 20

// checkRoom makes sure that the disk of a directory has so many bytes free: what fails
// for want of them, deep inside, says so less well.
func checkRoom(dir string, needed uint64) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return nil //nolint:nilerr // a file system that tells nothing may have room
	}
	free := disk.Bavail * uint64(disk.Bsize) //nolint:gosec // a block's size is positive
	if free < needed {
		return fmt.Errorf("the disk of %s is full: %d MB are free, %d are needed; make room, or give --state another directory",
			dir, free>>20, needed>>20)
	}
	return nil
}

// claimState makes sure that one process at a time serves a part of a state.
func (s *Stack) claimState() error {
	if err := os.MkdirAll(s.Options.State, 0o700); err != nil {
		return fmt.Errorf("make the state directory %s: %w", s.Options.State, err)
	}
	if err := checkRoom(s.Options.State, roomNeeded); err != nil {
		return err
	}
	parts := s.Options.Parts
	if len(parts) == 0 {
		parts = Parts()
	}
	for _, part := range parts {
		lock, err := os.OpenFile(filepath.Join(s.Options.State, string(part)+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("lock the state: %w", err)
		}
		s.closers = append(s.closers, lock.Close)
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return fmt.Errorf("another stoker-dev (its %s) uses %s: stop it, or give --state another directory", part, s.Options.State)
		}
	}
	return nil
}

func (s *Stack) startTemporal() error {
	server, err := temporal.Start(temporal.Options{
		Database: filepath.Join(s.Options.State, "temporal.sqlite"), Port: s.Options.Ports.Temporal,
		UIPort: s.Options.Ports.WebUI, SearchAttributes: workflows.SearchAttributes(),
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, server.Stop)
	return nil
}

func (s *Stack) startModelManage() error {
	sim, err := simulator.New(simulator.Options{
		Dir: filepath.Join(s.Options.State, "model-manage"), ArrayMode: s.Options.ArrayMode,
		Logger: s.Options.Logger.With("part", "model-manage"),
	})
	if err != nil {
		return err
	}
	s.ModelManage = sim
	s.closers = append(s.closers, sim.Close)
	address := fmt.Sprintf("127.0.0.1:%d", s.Options.Ports.ModelManage)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("port %d for the model-manage simulator is taken: stop what uses it, or shift all ports with --port-offset", s.Options.Ports.ModelManage)
	}
	server := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.Options.Logger.Error("the model-manage simulator stopped", "error", err)
		}
	}()
	s.closers = append(s.closers, server.Close)
	return nil
}

// Dial connects to the stack's Temporal and waits until it answers.
func Dial(ctx context.Context, ports Ports, logger *slog.Logger) (client.Client, error) {
	return dial(ctx, ports, logger, nil, nil)
}

func dial(ctx context.Context, ports Ports, logger *slog.Logger, metrics client.MetricsHandler, traces []interceptor.ClientInterceptor) (client.Client, error) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		c, err := client.DialContext(ctx, client.Options{
			HostPort: fmt.Sprintf("127.0.0.1:%d", ports.Temporal), Logger: sdklog.NewStructuredLogger(logger),
			MetricsHandler: metrics, Interceptors: traces, ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}},
		})
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, fmt.Errorf("temporal does not answer on port %d: %w", ports.Temporal, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// awaitAttributes waits until the server has its search attributes at hand.
func awaitAttributes(ctx context.Context, c client.Client) error {
	// A state of an earlier version may lack some.
	if _, err := worker.InitNamespace(ctx, c, client.DefaultNamespace); err != nil {
		return err
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := worker.CheckNamespace(ctx, c, client.DefaultNamespace)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *Stack) startWorker(ctx context.Context) error {
	options := worker.Options{
		Config: s.Config, Client: s.Client, Namespace: client.DefaultNamespace,
		Logger: s.Options.Logger.With("part", "worker"), Metrics: s.metrics,
		Hold: s.Options.Hold,
	}
	var err error
	if options.Sources, _, err = worker.OpenSources(s.Config); err != nil {
		return err
	}
	options.Clusters, err = worker.OpenClusters(s.Config, s.Config.ClusterNames(), worker.Openings{
		Supervisor: s.Options.Supervisor, Hold: s.Options.Hold, Logger: options.Logger,
	})
	if err != nil {
		return err
	}
	w, err := worker.New(options)
	if err != nil {
		return err
	}
	s.background(func() error { return w.Run(ctx) })
	if s.Config.Worker.HTTPAddress == "" {
		return nil // nowhere to ask
	}
	return s.awaitReady(ctx, "http://"+s.Config.Worker.HTTPAddress+"/readyz")
}

// readyLimit is how long a part may take to become ready.
const readyLimit = 30 * time.Second

// awaitReady waits until the part started last is ready, or has stopped.
func (s *Stack) awaitReady(ctx context.Context, url string) error {
	ended := s.ended[len(s.ended)-1]
	last := "no answer"
	for start := time.Now(); time.Since(start) < readyLimit; {
		select {
		case err := <-ended:
			ended <- err // Stop waits for it, too
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		reply, err := http.DefaultClient.Do(request)
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(io.LimitReader(reply.Body, 1000)) // for people only
		_ = reply.Body.Close()
		if reply.StatusCode == http.StatusOK {
			return nil
		}
		last = strings.TrimSpace(string(text))
	}
	return fmt.Errorf("a part is not ready after %s: %s", readyLimit, last)
}

func (s *Stack) startStarter(ctx context.Context) error {
	st, err := worker.OpenStarter(s.Config, s.Client, s.metrics, s.Options.Logger.With("part", "starter"), false)
	if err != nil {
		return err
	}
	s.background(func() error { return st.Run(ctx) })
	return nil
}

func (s *Stack) startAPI(ctx context.Context) error {
	server, err := wiring.API(s.Config, s.Client, client.DefaultNamespace, s.metrics, s.traces, s.Options.Logger.With("part", "api"))
	if err != nil {
		return err
	}
	s.background(func() error { return server.Run(ctx) })
	return s.awaitReady(ctx, "http://"+s.Config.API.Address+"/healthz")
}

// background runs a part; an early end is told in the log and by Stop.
func (s *Stack) background(run func() error) {
	ended := make(chan error, 1)
	go func() {
		err := run()
		if err != nil {
			s.Options.Logger.Error("a part stopped", "error", err)
		}
		ended <- err
	}()
	s.ended = append(s.ended, ended)
}
