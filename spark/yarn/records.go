package yarn

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/stoker-spark/stoker/driver"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

// maxRecord bounds what is read of one record, in bytes.
const maxRecord = 1 << 20

const (
	modeFile fs.FileMode = 0o600
	modeDir  fs.FileMode = 0o700
)

// jobDir is the directory of one attempt in the cluster's file system.
type jobDir struct {
	store store.Store
	path  string
}

func (d jobDir) file(name string) string { return path.Join(d.path, name) }

// exists reports whether a file is there.
func (d jobDir) exists(ctx context.Context, name string) (bool, error) {
	_, err := d.store.Stat(ctx, d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// contents is what lies in a job directory, by name: one look instead of one for each
// of its files.
type contents map[string]store.Info

func (c contents) has(name string) bool { _, ok := c[name]; return ok }

func (d jobDir) contents(ctx context.Context) (contents, error) {
	entries, err := d.store.List(ctx, d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c := make(contents, len(entries))
	for _, entry := range entries {
		c[path.Base(entry.Path)] = entry
	}
	return c, nil
}

// neverSent reports whether the application was not sent, nor can it be any more:
// whoever writes an intent from now on reads the revocation before it sends. To know
// that needs no ResourceManager.
func (d jobDir) neverSent(ctx context.Context) (bool, error) {
	held, err := d.contents(ctx)
	return held.has(spark.FileRevoked) && !held.has(spark.FileIntent), err
}

// read returns nil without an error if the file is not there.
func (d jobDir) read(ctx context.Context, name string) ([]byte, error) {
	f, err := d.store.Open(ctx, d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil {
		return nil, err
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// create makes a marker. It returns fs.ErrExist if there is one.
func (d jobDir) create(ctx context.Context, name string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return d.store.Create(ctx, d.file(name), append(data, '\n'), modeFile)
}

// mark makes a marker, or leaves the one that is there.
func (d jobDir) mark(ctx context.Context, name string, content any) error {
	if err := d.create(ctx, name, content); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// reservation of the attempt; nil if it was not reserved.
func (d jobDir) reservation(ctx context.Context) (*spark.Reservation, error) {
	return readJSON[spark.Reservation](ctx, d, spark.FileReservation)
}

func readJSON[T any](ctx context.Context, d jobDir, name string) (*T, error) {
	data, err := d.read(ctx, name)
	if err != nil || data == nil {
		return nil, err
	}
	var record T
	if err := json.Unmarshal(data, &record); err != nil {
		return nil, job.Errorf(job.CodeInternal, "the record %s cannot be read: %w", d.file(name), err)
	}
	return &record, nil
}

// intent is the content of intent.json: what was known when the application
// was about to be sent for the first time.
type intent struct {
	Application string `json:"application"`
	// StartedOn is when the ResourceManager was started: one that runs on knows
	// every application it took.
	StartedOn time.Time `json:"startedOn"`
	At        time.Time `json:"at"`
}

// note is the content of the other markers.
type note struct {
	Application string    `json:"application"`
	Reason      string    `json:"reason,omitempty"`
	At          time.Time `json:"at"`
}

// fenceOwner is the owner in a started marker that Stoker made so that user
// code never begins.
const fenceOwner = "stoker"

// started says whether user code began, and whether Stoker's fence keeps it
// from ever beginning. A marker that cannot be read is a driver's, which
// creates the file before it writes the content.
func (d jobDir) started(ctx context.Context) (began, fenced bool, at time.Time, err error) {
	data, err := d.read(ctx, spark.FileStarted)
	if err != nil || data == nil {
		return false, false, time.Time{}, err
	}
	marker, err := driver.ParseStarted(data)
	if err == nil && marker.Owner == fenceOwner {
		return false, true, time.Time{}, nil
	}
	return true, false, marker.At, nil
}

// fence makes sure that user code never begins, or returns false: it may have.
func (d jobDir) fence(ctx context.Context) (bool, error) {
	err := d.create(ctx, spark.FileStarted, struct {
		Owner string    `json:"owner"`
		At    time.Time `json:"at"`
	}{fenceOwner, time.Now().UTC()})
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	_, fenced, _, err := d.started(ctx)
	return fenced, err
}

// status is what the Python driver wrote of itself; nil if it wrote nothing
// that belongs to this application.
func (d jobDir) status(ctx context.Context, application string) (*job.DriverReport, driver.Status, error) {
	data, err := d.read(ctx, spark.FileStatus)
	if err != nil || data == nil {
		return nil, driver.Status{}, err
	}
	status, err := driver.ParseStatus(data)
	if err != nil || status.Application != "" && status.Application != application {
		return nil, driver.Status{}, nil // whatever is not a status is none
	}
	return status.Report(), status, nil
}
