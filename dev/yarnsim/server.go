package yarnsim

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// Options of a Server. What is left zero has a default.
type Options struct {
	// MaxMemoryMB and MaxVCores of one container: 8192 MiB and 8.
	MaxMemoryMB, MaxVCores int64
	// Queues that applications may be sent to: "default". They are leaves below root.
	Queues []string
	// MaxCompleted is how many ended applications are kept: 1000, YARN's own
	// default.
	MaxCompleted int
	// Admins may kill everybody's applications.
	Admins []string
	// Saving is the time from a submission until it is saved (20 ms), Starting from
	// there until the application runs (1 s), Killing until a kill is done (100 ms).
	Saving, Starting, Killing time.Duration
	// NodeAddress is where this Server is reached as host:port, to be the NodeManager
	// of all masters too; logs then stay there, for aggregation is off. "" is a
	// NodeManager that is down.
	NodeAddress string
	// Run, if not nil, plays an application: it is called in a goroutine of its own
	// once the application runs; ctx ends with the application.
	Run func(ctx context.Context, app App)
	// Logger; nil logs nothing.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	if o.MaxMemoryMB == 0 {
		o.MaxMemoryMB = 8192
	}
	if o.MaxVCores == 0 {
		o.MaxVCores = 8
	}
	if len(o.Queues) == 0 {
		o.Queues = []string{"default"}
	}
	if o.MaxCompleted == 0 {
		o.MaxCompleted = 1000
	}
	if o.NodeAddress == "" {
		o.NodeAddress = deadNode
	}
	set(&o.Saving, 20*time.Millisecond)
	set(&o.Starting, time.Second)
	set(&o.Killing, 100*time.Millisecond)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// App is an application at one moment.
type App struct {
	ID          string
	User        string
	State       rm.State
	FinalStatus rm.FinalStatus
	// Submission is what was sent; it is not to be changed.
	Submission rm.SubmissionContext
	// EndedAt is when it ended; zero while it lives.
	EndedAt time.Time
}

// Server is a ResourceManager. Serve it with net/http; it is safe for
// concurrent use.
type Server struct {
	options Options
	routes  *http.ServeMux

	mu       sync.Mutex
	started  int64 // ms since 1970: the cluster's time stamp
	epoch    int   // restarts so far
	next     int   // the number of the id that was given last
	apps     map[string]*application
	ended    []*application // oldest first
	launches map[string]int
	requests map[Kind]int
	faults   []*Fault
	latency  time.Duration
	closed   bool
}

// New makes a Server without applications.
func New(o Options) *Server {
	s := &Server{
		options: o.withDefaults(), started: time.Now().UnixMilli(),
		apps: map[string]*application{}, launches: map[string]int{}, requests: map[Kind]int{},
	}
	s.route()
	return s
}

// Close ends all applications without a trace: nothing moves any more.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, app := range s.apps {
		app.halt()
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

// Kind of request.
type Kind string

// The kinds of requests.
const (
	KindNew         Kind = "new-application"
	KindSubmit      Kind = "submit"
	KindApplication Kind = "application"
	KindAttempts    Kind = "attempts"
	KindState       Kind = "state"
	KindKill        Kind = "kill"
	KindList        Kind = "list"
	KindInfo        Kind = "info"
	KindMetrics     Kind = "metrics"
	KindScheduler   Kind = "scheduler"

	// To drivers through the ResourceManager's proxy, and to NodeManagers.
	KindProxy    Kind = "proxy"
	KindNodeLogs Kind = "node-logs"
	KindNodeLog  Kind = "node-log"
)

// Requests counts what came in so far, by kind.
func (s *Server) Requests() map[Kind]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// Launches is how often an id was really taken: more than once if it was
// forgotten in between.
func (s *Server) Launches(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.launches[id]
}

// App returns an application; false if it is unknown.
func (s *Server) App(id string) (App, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app, ok := s.apps[id]
	if !ok {
		return App{}, false
	}
	return app.view(), true
}

// Apps returns all applications in some states, ordered by id.
func (s *Server) Apps(states ...rm.State) []App {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []App
	for _, id := range slices.Sorted(maps.Keys(s.apps)) {
		if app := s.apps[id]; slices.Contains(states, app.state) {
			list = append(list, app.view())
		}
	}
	return list
}

// Count is how many applications are in a state.
func (s *Server) Count(state rm.State) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, app := range s.apps {
		if app.state == state {
			n++
		}
	}
	return n
}

// Configuration is a yarn-site.xml for clients of a Server at a URL.
func Configuration(host string, recovery bool) string {
	return fmt.Sprintf(`<?xml version="1.0"?>
<configuration>
  <property><name>yarn.resourcemanager.webapp.address</name><value>%s</value></property>
  <property><name>yarn.resourcemanager.recovery.enabled</name><value>%t</value></property>
</configuration>
`, host, recovery)
}
