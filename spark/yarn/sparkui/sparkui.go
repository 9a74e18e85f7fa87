// Package sparkui asks the drivers of running applications how far they are: over
// Spark's REST API, which a driver serves beside its web UI, and the web proxy of
// the ResourceManager, since a driver lets nobody else near.
//
// # Wire contract
//
//	GET <ResourceManager>/proxy/<application>/api/v1/applications/<application>/jobs
//
// answers an array of Spark's jobs with the numbers of their stages and tasks. Spark
// keeps the latest of them (spark.ui.retainedJobs, 1000).
//
// No redirect is followed: a standby sends one to the active ResourceManager, and
// the proxy to a page about the application, while its driver serves nothing.
//
// Sources: WebAppProxyServlet of Hadoop 3.4, JobData and AllJobsResource of Spark 3.5.
//
// # Errors
//
// All are job.Error.
//
//	code          retry  when
//	invalid       no     an id that is none
//	unauthorized  no     the caller may not see the application
//	not_found     no     the application has no UI, or is unknown
//	unavailable   yes    not there yet; a server that is down, slow or talks nonsense
package sparkui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// Defaults of Options.
const (
	DefaultTimeout  = 5 * time.Second
	DefaultMaxReply = 4 << 20
)

// Options of a Client.
type Options struct {
	// Addresses of the ResourceManagers' web servers, "http://host:8088". Required.
	Addresses []string
	// HTTP makes the requests, and says who is asking. Required.
	HTTP *hadoop.HTTP
	// Timeout bounds one question, asked of every address; 0 is DefaultTimeout.
	Timeout time.Duration
	// MaxReply bounds an answer, in bytes; 0 is DefaultMaxReply. A job takes about
	// 600.
	MaxReply int64
}

// Client asks applications. It is safe for concurrent use.
type Client struct {
	options Options
	// active is the index of the address that answered last.
	active atomic.Int32
}

// New makes a Client. It connects to nothing.
func New(o Options) (*Client, error) {
	if len(o.Addresses) == 0 || o.HTTP == nil {
		return nil, job.Errorf(job.CodeInvalid, "the options for asking applications are wrong: addresses and HTTP are needed")
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxReply <= 0 {
		o.MaxReply = DefaultMaxReply
	}
	return &Client{options: o}, nil
}

// Progress asks an application how far it is.
func (c *Client) Progress(ctx context.Context, application string) (job.Progress, error) {
	if !rm.ValidID(application) {
		return job.Progress{}, job.Errorf(job.CodeInvalid, "%q is no id of an application", job.Head(application, 100))
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	var reasons []string
	first := int(c.active.Load())
	for n := range c.options.Addresses {
		i := (first + n) % len(c.options.Addresses)
		progress, err := c.ask(ctx, c.options.Addresses[i], application)
		if job.CodeOf(err) != job.CodeUnavailable {
			c.active.Store(int32(i)) //nolint:gosec // an index of a handful of addresses
			if err != nil {
				return job.Progress{}, job.Errorf(job.CodeOf(err), "progress of %s: the ResourceManager's proxy %w", application, err)
			}
			progress.Time = time.Now().UTC()
			return progress, nil
		}
		reasons = append(reasons, c.options.Addresses[i]+" "+err.Error())
	}
	return job.Progress{}, job.Errorf(job.CodeUnavailable, "progress of %s: the ResourceManager's proxy %s", application, strings.Join(reasons, "; "))
}

// ask asks at one address. Errors hold no URL: the caller knows which it was.
func (c *Client) ask(ctx context.Context, base, application string) (job.Progress, error) {
	target := fmt.Sprintf("%s/proxy/%s/api/v1/applications/%s/jobs", strings.TrimRight(base, "/"), application, application)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return job.Progress{}, job.Errorf(job.CodeInvalid, "can't be asked: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	reply, err := c.options.HTTP.Client().Do(request)
	if err != nil {
		return job.Progress{}, c.silence(ctx, err)
	}
	defer reply.Body.Close() //nolint:errcheck // nothing is lost: what was read was read
	switch status := reply.StatusCode; {
	case status == http.StatusOK:
		return c.read(ctx, reply.Body)
	case status/100 == 3:
		return job.Progress{}, job.Errorf(job.CodeUnavailable, "leads elsewhere (%d): the application's driver serves nothing, or this one stands by", status)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return job.Progress{}, job.Errorf(job.CodeUnauthorized, "refuses with %d", status)
	case status == http.StatusNotFound:
		return job.Progress{}, job.Errorf(job.CodeNotFound, "answered 404: the application has no web UI")
	default:
		return job.Progress{}, job.Errorf(job.CodeUnavailable, "answered %d", status)
	}
}

// silence says why nothing came.
func (c *Client) silence(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return job.Errorf(job.CodeUnavailable, "did not answer within %s", c.options.Timeout)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	// A transport may refuse by itself, for example without a Kerberos ticket.
	var known *job.Error
	if errors.As(err, &known) {
		return job.Errorf(known.Code, "can't be asked: %w", err)
	}
	return job.Errorf(job.CodeUnavailable, "did not answer: %s", job.Head(hadoop.Redact(err.Error()), job.MaxWord))
}

// sparkJob is one of Spark's jobs; numTasks and stageIds are those planned when it
// began, skipped ones included.
type sparkJob struct {
	Status          string  `json:"status"`
	Stages          []int64 `json:"stageIds"`
	Tasks           int64   `json:"numTasks"`
	ActiveTasks     int64   `json:"numActiveTasks"`
	CompletedTasks  int64   `json:"numCompletedTasks"`
	SkippedTasks    int64   `json:"numSkippedTasks"`
	FailedTasks     int64   `json:"numFailedTasks"`
	ActiveStages    int64   `json:"numActiveStages"`
	CompletedStages int64   `json:"numCompletedStages"`
	SkippedStages   int64   `json:"numSkippedStages"`
	FailedStages    int64   `json:"numFailedStages"`
}

// read sums an array up, one element in memory at a time.
func (c *Client) read(ctx context.Context, body io.Reader) (job.Progress, error) {
	bounded := &io.LimitedReader{R: body, N: c.options.MaxReply + 1}
	in := json.NewDecoder(bounded)
	var sum job.Progress
	broken := func(err error) (job.Progress, error) {
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case bounded.N <= 0:
			return job.Progress{}, job.Errorf(job.CodeUnavailable, "sent a reply larger than %d bytes", c.options.MaxReply)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return job.Progress{}, job.Errorf(job.CodeUnavailable, "broke off its answer")
		case err == nil, errors.As(err, &syntax), errors.As(err, &kind):
			return job.Progress{}, job.Errorf(job.CodeUnavailable, "sent something other than a list of jobs")
		}
		return job.Progress{}, c.silence(ctx, err)
	}
	if token, err := in.Token(); err != nil || token != json.Delim('[') {
		return broken(err)
	}
	for in.More() {
		var j *sparkJob
		if err := in.Decode(&j); err != nil || j == nil || j.Status == "" {
			return broken(err)
		}
		add(&sum, *j)
	}
	if _, err := in.Token(); err != nil {
		return broken(err)
	}
	return sum, nil
}

func add(sum *job.Progress, j sparkJob) {
	sum.Jobs.Total++
	switch j.Status {
	case "RUNNING":
		sum.Jobs.Running++
	case "SUCCEEDED":
		sum.Jobs.Completed++
	case "FAILED":
		sum.Jobs.Failed++
	}
	sum.Stages.Total += max(int64(len(j.Stages))-j.SkippedStages, 0)
	sum.Stages.Running += j.ActiveStages
	sum.Stages.Completed += j.CompletedStages
	sum.Stages.Failed += j.FailedStages
	sum.Tasks.Total += max(j.Tasks-j.SkippedTasks, 0)
	sum.Tasks.Running += j.ActiveTasks
	sum.Tasks.Completed += j.CompletedTasks
	sum.Tasks.Failed += j.FailedTasks
}
