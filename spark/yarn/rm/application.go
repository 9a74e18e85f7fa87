package rm

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// State of an application (YarnApplicationState).
//
//	NEW → NEW_SAVING → SUBMITTED → ACCEPTED → RUNNING → FINISHED
//	any of them → FAILED, KILLED
type State string

// The states.
const (
	StateNew       State = "NEW"
	StateNewSaving State = "NEW_SAVING"
	StateSubmitted State = "SUBMITTED"
	StateAccepted  State = "ACCEPTED"
	StateRunning   State = "RUNNING"
	StateFinished  State = "FINISHED"
	StateFailed    State = "FAILED"
	StateKilled    State = "KILLED"
)

var states = []State{
	StateNew, StateNewSaving, StateSubmitted, StateAccepted, StateRunning, StateFinished, StateFailed, StateKilled,
}

// Ended reports whether nothing of the application runs any more.
func (s State) Ended() bool { return s == StateFinished || s == StateFailed || s == StateKilled }

// Saved reports whether the application is in the ResourceManager's state store,
// so that it survives a restart where recovery is on. Until then it may be
// forgotten although Submit succeeded.
func (s State) Saved() bool {
	return s != StateNew && s != StateNewSaving && s != StateSubmitted && s != ""
}

// FinalStatus is what the application said of itself before it ended.
type FinalStatus string

// The final statuses. Undefined until the end, and of an application that ended
// without a word.
const (
	FinalUndefined FinalStatus = "UNDEFINED"
	FinalSucceeded FinalStatus = "SUCCEEDED"
	FinalFailed    FinalStatus = "FAILED"
	FinalKilled    FinalStatus = "KILLED"
	FinalEnded     FinalStatus = "ENDED"
)

// Application is an application as the ResourceManager reports it. What a
// version does not report is left zero.
type Application struct {
	ID   string
	User string
	Name string
	// Queue is a path in newer versions ("root.default"), a name in older ones.
	Queue       string
	Type        string
	Tags        []string // sorted; in lower case, unless the cluster is set otherwise
	Priority    int64    // 0 where the submission gave none
	State       State
	FinalStatus FinalStatus
	// Diagnostics is at most 16 KiB. Text in it is no sign of failure: after a
	// restart of the ResourceManager a success has some too.
	Diagnostics string
	TrackingURL string
	// AMHostHTTPAddress is the NodeManager of the application master, "host:port".
	AMHostHTTPAddress string
	AMContainerLogs   string
	// CurrentAttempt is the id of the running attempt, "" where not reported.
	CurrentAttempt string
	// LogAggregation is YARN's own word: DISABLED, NOT_START, RUNNING, SUCCEEDED, …
	LogAggregation string
	// StartedAt is when it was submitted, LaunchedAt when its master was started.
	StartedAt, LaunchedAt, FinishedAt time.Time
	// What it holds now; 0 before and after.
	AllocatedMB, AllocatedVCores, RunningContainers int64
	// NodeLabel of its containers, AMNodeLabel of its master.
	NodeLabel, AMNodeLabel string
}

type wireApplication struct {
	ID                text   `json:"id"`
	User              text   `json:"user"`
	Name              text   `json:"name"`
	Queue             text   `json:"queue"`
	Type              text   `json:"applicationType"`
	Tags              text   `json:"applicationTags"`
	Priority          number `json:"priority"`
	State             text   `json:"state"`
	FinalStatus       text   `json:"finalStatus"`
	Diagnostics       text   `json:"diagnostics"`
	TrackingURL       text   `json:"trackingUrl"`
	AMHostHTTPAddress text   `json:"amHostHttpAddress"`
	AMContainerLogs   text   `json:"amContainerLogs"`
	CurrentAttempt    text   `json:"currentAppAttemptId"`
	LogAggregation    text   `json:"logAggregationStatus"`
	StartedTime       number `json:"startedTime"`
	LaunchTime        number `json:"launchTime"`
	FinishedTime      number `json:"finishedTime"`
	AllocatedMB       number `json:"allocatedMB"`
	AllocatedVCores   number `json:"allocatedVCores"`
	RunningContainers number `json:"runningContainers"`
	NodeLabel         text   `json:"appNodeLabelExpression"`
	AMNodeLabel       text   `json:"amNodeLabelExpression"`
}

func (w wireApplication) application() (Application, error) {
	a := Application{
		ID: string(w.ID), User: string(w.User), Name: string(w.Name), Queue: string(w.Queue),
		Type: string(w.Type), Tags: w.Tags.words(), Priority: int64(w.Priority),
		State: State(w.State), FinalStatus: FinalStatus(w.FinalStatus), Diagnostics: string(w.Diagnostics),
		TrackingURL: string(w.TrackingURL), AMHostHTTPAddress: string(w.AMHostHTTPAddress),
		AMContainerLogs: string(w.AMContainerLogs), CurrentAttempt: string(w.CurrentAttempt),
		LogAggregation: string(w.LogAggregation),
		StartedAt:      w.StartedTime.time(), LaunchedAt: w.LaunchTime.time(), FinishedAt: w.FinishedTime.time(),
		AllocatedMB: w.AllocatedMB.count(), AllocatedVCores: w.AllocatedVCores.count(),
		RunningContainers: w.RunningContainers.count(),
		NodeLabel:         string(w.NodeLabel), AMNodeLabel: string(w.AMNodeLabel),
	}
	slices.Sort(a.Tags)
	if a.ID == "" || !slices.Contains(states, a.State) {
		return Application{}, unexpected("application %q in state %q", a.ID, a.State)
	}
	return a, nil
}

// Application reports an application. The error is not_found for an id that was
// never submitted, and for one that ended so long ago that the ResourceManager
// has dropped it (yarn.resourcemanager.max-completed-applications). It is never
// said of a ResourceManager that has yet to recover.
func (c *Client) Application(ctx context.Context, id string) (Application, error) {
	path, err := pathOf(id)
	if err != nil {
		return Application{}, err
	}
	var app Application
	err = c.doOf(ctx, request{method: http.MethodGet, path: path, read: func(r reply) error {
		var got struct {
			App *wireApplication `json:"app"`
		}
		if err := r.decode(&got); err != nil {
			return err
		}
		if got.App == nil || string(got.App.ID) != id {
			return unexpected("not application %s", id)
		}
		var err error
		app, err = got.App.application()
		return err
	}})
	return app, err
}

var idPattern = regexp.MustCompile(`^application_[0-9]{1,19}_[0-9]{4,10}$`)

// ValidID reports whether an id has the form of YARN's,
// application_<ResourceManager's start, ms>_<number>.
func ValidID(id string) bool { return idPattern.MatchString(id) }

func pathOf(id string) (string, error) {
	if !ValidID(id) {
		return "", job.Errorf(job.CodeInvalid, "%q is no id of an application", job.Head(id, 100))
	}
	return "apps/" + url.PathEscape(id), nil
}

// Attempt is one start of an application's master.
type Attempt struct {
	// Number counts from 1.
	Number int64
	// ID is "appattempt_…", "" where not reported.
	ID string
	// ContainerID of the master. After a restart of the ResourceManager it holds
	// an epoch ("container_e01_…"), so it cannot be computed from the id.
	ContainerID string
	// NodeHTTPAddress of the NodeManager, "host:port".
	NodeHTTPAddress string
	NodeID          string
	LogsLink        string
	// State is YARN's own word (RUNNING, FINISHED, FAILED, …), "" where not reported.
	State                 string
	StartedAt, FinishedAt time.Time
}

// Attempts lists the attempts of an application, oldest first; none while it
// waits for its first container. The error is not_found as in Application.
func (c *Client) Attempts(ctx context.Context, id string) ([]Attempt, error) {
	path, err := pathOf(id)
	if err != nil {
		return nil, err
	}
	var attempts []Attempt
	err = c.doOf(ctx, request{method: http.MethodGet, path: path + "/appattempts", read: func(r reply) error {
		var got struct {
			Attempts *object[struct {
				Attempt list[wireAttempt] `json:"appAttempt"`
			}] `json:"appAttempts"`
		}
		if err := r.decode(&got); err != nil {
			return err
		}
		if got.Attempts == nil && !r.says("appAttempts") {
			return unexpected("no attempts of %s", id)
		}
		attempts = nil
		if got.Attempts == nil {
			return nil
		}
		for _, w := range got.Attempts.value.Attempt {
			attempts = append(attempts, w.attempt())
		}
		slices.SortStableFunc(attempts, func(a, b Attempt) int { return int(a.Number - b.Number) })
		return nil
	}})
	return attempts, err
}

type wireAttempt struct {
	Number          number `json:"id"`
	ID              text   `json:"appAttemptId"`
	ContainerID     text   `json:"containerId"`
	NodeHTTPAddress text   `json:"nodeHttpAddress"`
	NodeID          text   `json:"nodeId"`
	LogsLink        text   `json:"logsLink"`
	State           text   `json:"appAttemptState"`
	StartTime       number `json:"startTime"`
	FinishedTime    number `json:"finishedTime"`
}

func (w wireAttempt) attempt() Attempt {
	return Attempt{
		Number: int64(w.Number), ID: string(w.ID), ContainerID: string(w.ContainerID),
		NodeHTTPAddress: string(w.NodeHTTPAddress), NodeID: string(w.NodeID), LogsLink: string(w.LogsLink),
		State: string(w.State), StartedAt: w.StartTime.time(), FinishedAt: w.FinishedTime.time(),
	}
}
