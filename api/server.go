package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/telemetry"
)

// Jobs is what the API offers: what package jobs does.
type Jobs interface {
	Submit(ctx context.Context, in jobs.Submission) (view jobs.View, created bool, err error)
	Push(ctx context.Context, id string) (view jobs.View, created bool, err error)
	Get(ctx context.Context, id string) (jobs.View, error)
	List(ctx context.Context, q jobs.Query) (jobs.Page, error)
	Cancel(ctx context.Context, id, by, reason string) (asked bool, err error)
	Rerun(ctx context.Context, id string) (jobs.View, error)
	Log(ctx context.Context, v jobs.View, attempt int, stream string) (*jobs.Log, error)
	ClusterOf(name string) (string, error)
	HasArtifact(ctx context.Context, cluster string, a jobspec.Artifact) (size int64, there bool, err error)
	PutArtifact(ctx context.Context, cluster string, a jobspec.Artifact, size int64, content io.Reader) (int64, error)
	Clusters(ctx context.Context) ([]jobs.ClusterView, error)
	Drain(ctx context.Context, cluster, by, reason string) (jobs.ClusterView, error)
	Resume(ctx context.Context, cluster string) (jobs.ClusterView, error)
	Ready(ctx context.Context) error
}

var _ Jobs = (*jobs.Service)(nil)

// Options of a Server.
type Options struct {
	// Address to listen on.
	Address string
	Jobs    Jobs
	// UsersFile as in the configuration; "" lets everybody who comes over loopback do
	// everything.
	UsersFile string
	// RatePerSecond and Burst bound the requests of one user.
	RatePerSecond float64
	Burst         int
	Metrics       *telemetry.Metrics
	// Traces of requests; nil for none.
	Traces *telemetry.Traces
	Logger *slog.Logger
}

// Server serves the API.
type Server struct {
	options  Options
	echo     *echo.Echo
	users    *directory
	limits   *limits
	follows  *follows
	requests *requestMetrics
	ready    *readiness
	// stopping ends what would go on for ever.
	stopping chan struct{}
	// uploadSilence and uploadTime are the constants, but in tests.
	uploadSilence, uploadTime time.Duration
}

// maxBody bounds every body but an artifact's, in bytes.
const maxBody = 256 << 10

// New makes a Server; it serves nothing before Run.
func New(o Options) (*Server, error) {
	if o.Jobs == nil || o.Logger == nil || o.Metrics == nil || o.RatePerSecond <= 0 || o.Burst < 1 {
		return nil, errors.New("an API needs jobs, a logger, metrics and a rate")
	}
	users, err := openDirectory(o.UsersFile, func(err error) {
		o.Logger.Error("the file of users cannot be read any more; going on with what was read before",
			"file", o.UsersFile, "error", err, "problems", job.ProblemsOf(err))
	})
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: o, users: users, limits: newLimits(o.RatePerSecond, o.Burst), follows: newFollows(),
		requests: newRequestMetrics(o.Metrics), ready: newReadiness(), stopping: make(chan struct{}),
		uploadSilence: uploadSilence, uploadTime: uploadTime,
	}
	s.echo = echo.New()
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.HTTPErrorHandler = s.answerProblem
	s.echo.Server.ReadHeaderTimeout = 10 * time.Second
	s.echo.Server.IdleTimeout = 2 * time.Minute
	s.echo.Server.MaxHeaderBytes = 64 << 10
	s.echo.Server.DisableGeneralOptionsHandler = true                         // "OPTIONS *" is no path here
	s.echo.StdLogger = slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug) // the http.Server's
	s.echo.Pre(s.identify)
	if o.Traces != nil {
		s.echo.Pre(echo.WrapMiddleware(o.Traces.Server(traced)))
	}
	s.echo.Pre(s.measure)
	s.echo.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true}))
	routes := served()
	s.echo.Use(s.guard(routes))
	for _, r := range routes {
		s.echo.Add(r.method, r.path, func(c echo.Context) error { return r.handle(s, c) })
	}
	return s, nil
}

// ServeHTTP serves one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// stopLimit bounds how long requests may go on after a stop is asked for.
const stopLimit = 15 * time.Second

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.Address)
	if err != nil {
		return fmt.Errorf("serve the API on %s: %w; choose another api.address", s.options.Address, err)
	}
	s.echo.Listener = listener
	served := make(chan error, 1)
	go func() { served <- s.echo.Start("") }()
	s.options.Logger.Info("serving the API", "address", listener.Addr().String(), "users", !s.users.open())
	select {
	case err := <-served:
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}
	close(s.stopping)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := s.echo.Shutdown(stop); err != nil {
		// An upload that takes long, say: its sender starts anew.
		s.options.Logger.Warn("stopping under requests that have not ended", "error", err)
		_ = s.echo.Close() // nothing is served any more
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the API: %w", err)
	}
	return nil
}
