package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
	"github.com/stoker-spark/stoker/jobspec"
)

// Job is a job as the server shows it. Its JSON is the server's own, with what a newer
// server may say beside.
type Job struct {
	jobs.View
	raw json.RawMessage
}

// UnmarshalJSON reads a job.
func (j *Job) UnmarshalJSON(data []byte) error {
	j.raw = bytes.Clone(data)
	return json.Unmarshal(data, &j.View)
}

// MarshalJSON returns what was read.
func (j Job) MarshalJSON() ([]byte, error) {
	if j.raw == nil {
		return json.Marshal(j.View)
	}
	return j.raw, nil
}

// Page is a part of a list, the jobs that started last first.
type Page struct {
	Jobs []Job `json:"jobs"`
	// Next is the cursor of the next page, "" after the last.
	Next     string   `json:"next,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// NewKey makes an idempotency key that nobody has.
func NewKey() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// Submit starts a job, and reports whether it is new: the same key and spec are one job
// however often they are submitted. An error that is ErrUncertain leaves open whether it
// was started; submitting with the same key settles that.
func (c *Client) Submit(ctx context.Context, spec jobspec.Spec, key string) (started Job, created bool, err error) {
	if key == "" {
		return Job{}, false, job.Errorf(job.CodeInvalid, "submit the job: it has no idempotency key; NewKey makes one")
	}
	l := &call{
		what: "submit the job", method: http.MethodPost, path: "v1/jobs", repeatable: true,
		header: map[string]string{"Idempotency-Key": key},
	}
	if err := l.json(spec); err != nil {
		return Job{}, false, err
	}
	status, err := c.job(ctx, l, &started)
	return started, status == http.StatusCreated, err
}

// json sets the body.
func (l *call) json(body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return job.Errorf(job.CodeInvalid, "%s: %w", l.what, err)
	}
	if l.header == nil {
		l.header = map[string]string{}
	}
	l.header["Content-Type"] = "application/json"
	l.size = int64(len(data))
	l.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return nil
}

// job makes a call whose answer is a job.
func (c *Client) job(ctx context.Context, l *call, into *Job) (status int, err error) {
	status, err = c.answer(ctx, l, into)
	if err == nil && (into.ID == "" || into.Phase == "") {
		err = job.Errorf(job.CodeUnavailable, "%s: %s answered with JSON that is no job%w", l.what, c.Server(), silent{ErrStrange})
	}
	return status, err
}

// path of a job.
func jobPath(id string, more ...string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", job.Errorf(job.CodeInvalid, "%q is no id of a job", id)
	}
	path, err := url.JoinPath("v1/jobs", append([]string{url.PathEscape(id)}, more...)...)
	return path, err
}

// Get returns a job.
func (c *Client) Get(ctx context.Context, id string) (found Job, err error) {
	path, err := jobPath(id)
	if err != nil {
		return Job{}, err
	}
	_, err = c.job(ctx, &call{what: "look at job " + id, method: http.MethodGet, path: path, repeatable: true}, &found)
	return found, err
}

// List returns a page of jobs; users see their own, administrators all.
func (c *Client) List(ctx context.Context, q jobs.Query) (Page, error) {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("user", q.User)
	set("queue", q.Queue)
	set("cluster", q.Cluster)
	set("phase", string(q.Phase))
	set("outcome", q.Result)
	set("cursor", q.Cursor)
	for key, value := range q.Labels {
		values.Add("label", key+"="+value)
	}
	if !q.Since.IsZero() {
		set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if !q.Until.IsZero() {
		set("until", q.Until.UTC().Format(time.RFC3339Nano))
	}
	if q.Limit != 0 {
		set("limit", strconv.Itoa(q.Limit))
	}
	page := Page{Jobs: []Job{}}
	_, err := c.answer(ctx, &call{what: "list jobs", method: http.MethodGet, path: "v1/jobs", query: values, repeatable: true}, &page)
	return page, err
}

// Cancel asks for a job's end and returns at once; false says that it had ended before.
// Asking twice is asking once.
func (c *Client) Cancel(ctx context.Context, id, reason string) (asked Job, under bool, err error) {
	path, err := jobPath(id, "cancel")
	if err != nil {
		return Job{}, false, err
	}
	l := &call{what: "cancel job " + id, method: http.MethodPost, path: path, repeatable: true}
	if reason != "" {
		if err := l.json(map[string]string{"reason": reason}); err != nil {
			return Job{}, false, err
		}
	}
	status, err := c.job(ctx, l, &asked)
	return asked, status == http.StatusAccepted, err
}

// Rerun runs a job that has ended once more and returns the new job. It is not made
// again where it may have been carried out: an error that is ErrUncertain leaves that
// open, and a list shows it.
func (c *Client) Rerun(ctx context.Context, id string) (again Job, err error) {
	path, err := jobPath(id, "rerun")
	if err != nil {
		return Job{}, err
	}
	_, err = c.job(ctx, &call{what: "run job " + id + " again", method: http.MethodPost, path: path}, &again)
	return again, err
}

// Clusters lists the clusters.
func (c *Client) Clusters(ctx context.Context) ([]jobs.ClusterView, error) {
	var answer struct {
		Clusters []jobs.ClusterView `json:"clusters"`
	}
	_, err := c.answer(ctx, &call{what: "list the clusters", method: http.MethodGet, path: "v1/clusters", repeatable: true}, &answer)
	return answer.Clusters, err
}

// Drain closes a cluster to new applications; what runs there goes on.
func (c *Client) Drain(ctx context.Context, cluster, reason string) (jobs.ClusterView, error) {
	l := &call{what: "drain cluster " + cluster, method: http.MethodPost, path: clusterPath(cluster, "drain"), repeatable: true}
	if reason != "" {
		if err := l.json(map[string]string{"reason": reason}); err != nil {
			return jobs.ClusterView{}, err
		}
	}
	var view jobs.ClusterView
	_, err := c.answer(ctx, l, &view)
	return view, err
}

// Resume opens a cluster again that was drained.
func (c *Client) Resume(ctx context.Context, cluster string) (jobs.ClusterView, error) {
	var view jobs.ClusterView
	_, err := c.answer(ctx, &call{
		what: "end the drain of cluster " + cluster, method: http.MethodPost, path: clusterPath(cluster, "resume"), repeatable: true,
	}, &view)
	return view, err
}

func clusterPath(name, what string) string { return "v1/clusters/" + url.PathEscape(name) + "/" + what }
