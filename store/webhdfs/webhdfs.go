// Package webhdfs is the Store on HDFS over WebHDFS, HTTP to NameNodes and
// DataNodes. It reads and writes whatever HDFS can hold, erasure-coded and
// encrypted files too, since DataNodes do that work; small files take some ten
// times as long to write as over RPC (package store/hdfs).
//
// Files appear whole or not at all, also across a crash: content is written under
// a temporary name ".<name>.tmp-<random>", its length is looked at, and it is
// renamed. That is more than prudence: a DataNode whose client goes away in the
// middle closes the file as if it were complete. A rename that may not replace is
// how Create is exclusive. What a crash leaves is a dot file, which Spark does not
// read.
//
// Paths are sent with every byte but letters, digits and -._~ encoded, and the
// encoding of a server's redirect is not relied on. Modes are exactly those asked
// for. Directories that MkdirAll makes on its way get its mode, too.
//
// Errors are job errors, as package hadoop's table of exceptions says. Replies
// that are no WebHDFS (HTML, other JSON, a body cut off) are of code unavailable:
// something between here and the server may be at fault. Texts never hold the
// URLs of redirects, which carry usable tokens.
//
// Of several NameNodes the one that answered last is asked first; the next is
// asked when one is standby, or can't be reached and the request may be repeated.
// Every call ends when its ctx does, and every wait for an answer by itself.
//
// Source: the WebHDFS REST API of Hadoop 3.4 and
// org.apache.hadoop.hdfs.server.namenode.web.resources.NamenodeWebHdfsMethods.
package webhdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

var _ store.Store = (*Store)(nil)

// Options of a Store.
type Options struct {
	// Addresses are the URLs of the NameNodes' web servers, http://host:port, with
	// what a gateway wants before /webhdfs/v1. Required.
	Addresses []string
	// HTTP makes the requests, and says who is asking. Required.
	HTTP *hadoop.HTTP
	// As is the beginning of the URLs under which Spark finds the files, such as
	// "hdfs://nameservice1"; "webhdfs://" (of https: "swebhdfs://") and the first
	// address when it is empty.
	As string
	// DirMode is the mode of parent directories that Create and Write make; 0755
	// when it is 0.
	DirMode fs.FileMode
	// Timeout bounds each request, but not a transfer, which HTTP's Stall bounds;
	// 30 s when it is 0.
	Timeout time.Duration
}

// FromConfiguration returns the options that a Hadoop configuration holds for an
// authority, "" being the default file system's, with URLs as hdfs://. The caller
// adds HTTP.
func FromConfiguration(c *hadoop.Configuration, authority string) (Options, error) {
	if authority == "" {
		var err error
		if authority, err = c.Authority(); err != nil {
			return Options{}, err
		}
	}
	addresses, err := c.NameNodeWeb(authority)
	if err != nil {
		return Options{}, err
	}
	return Options{Addresses: addresses, As: "hdfs://" + authority}, nil
}

// Store reads and writes HDFS over HTTP.
type Store struct {
	http         *hadoop.HTTP
	scheme, base string
	dirMode      fs.FileMode
	timeout      time.Duration
	// noBatch is set when a server does not know LISTSTATUS_BATCH.
	noBatch atomic.Bool

	mu sync.Mutex
	// names are the NameNodes, the one to ask first in front.
	names []*url.URL
}

// New makes a Store. It connects when it is first used. Options that can't work
// are an error of code invalid.
func New(o Options) (*Store, error) {
	var problems []string
	s := &Store{http: o.HTTP, dirMode: o.DirMode, timeout: o.Timeout}
	for _, address := range o.Addresses {
		u, err := url.Parse(strings.TrimRight(address, "/"))
		if err == nil && u.User != nil {
			problems = append(problems, "the address of "+u.Host+" holds a password: leave that to the HTTP client")
			continue
		}
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
			problems = append(problems, fmt.Sprintf("an address is not http://host:port: %.100q", hadoop.Redact(address)))
			continue
		}
		s.names = append(s.names, u)
	}
	if len(o.Addresses) == 0 {
		problems = append(problems, "no NameNode's address is given")
	}
	if o.HTTP == nil {
		problems = append(problems, "no HTTP client is given")
	}
	if o.Timeout < 0 {
		problems = append(problems, "the timeout can't be negative")
	}
	if o.As == "" && len(s.names) > 0 {
		o.As = map[string]string{"http": "webhdfs", "https": "swebhdfs"}[s.names[0].Scheme] + "://" + s.names[0].Host
	}
	loc, err := store.ParseLocation(o.As + "/")
	if o.As != "" && (err != nil || loc.Path != "/" || loc.Authority == "") {
		problems = append(problems, fmt.Sprintf("URLs can't begin with %.100q; they need a scheme and an authority, as in hdfs://nameservice1", o.As))
	}
	if len(problems) > 0 {
		return nil, job.Invalid("WebHDFS store", problems)
	}
	s.scheme, s.base = loc.Scheme, loc.Scheme+"://"+loc.Authority
	if s.dirMode == 0 {
		s.dirMode = 0o755
	}
	if s.timeout == 0 {
		s.timeout = 30 * time.Second
	}
	return s, nil
}

// Scheme is that of Options.As, "webhdfs" by default.
func (s *Store) Scheme() string { return s.scheme }

// URL is Options.As and the path as it is: Hadoop's Path decodes nothing.
func (s *Store) URL(path string) string { return s.base + path }

// Stat describes a file as the NameNode knows it: one that is still being written
// has the size of its complete blocks.
func (s *Store) Stat(ctx context.Context, path string) (store.Info, error) {
	p, err := ready(ctx, path)
	if err != nil {
		return store.Info{}, hadoop.Failure("stat", path, err)
	}
	found, err := s.status(ctx, p)
	if err != nil {
		return store.Info{}, hadoop.Failure("stat", p, err)
	}
	return found.info(p), nil
}

// List takes one request for about each 1000 entries. Listing a file fails as
// missing: there is no such directory.
func (s *Store) List(ctx context.Context, dir string) ([]store.Info, error) {
	p, err := ready(ctx, dir)
	if err != nil {
		return nil, hadoop.Failure("list", dir, err)
	}
	var entries []fileStatus
	if !s.noBatch.Load() {
		entries, err = s.listBatches(ctx, p)
		if unknownOperation(err) {
			s.noBatch.Store(true)
		}
	}
	if s.noBatch.Load() {
		entries, err = s.listWhole(ctx, p)
	}
	if err != nil {
		return nil, hadoop.Failure("list", p, err)
	}
	infos := make([]store.Info, 0, len(entries))
	for _, e := range entries {
		infos = append(infos, e.info(strings.TrimSuffix(p, "/")+"/"+e.PathSuffix))
	}
	slices.SortFunc(infos, func(a, b store.Info) int { return strings.Compare(a.Path, b.Path) })
	return infos, nil
}

// Glob is store.Glob.
func (s *Store) Glob(ctx context.Context, pattern string) ([]store.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, hadoop.Failure("glob", pattern, err)
	}
	return store.Glob(ctx, s, pattern)
}

// MkdirAll gives all the directories it makes this mode, and leaves those that
// are there as they are.
func (s *Store) MkdirAll(ctx context.Context, path string, mode fs.FileMode) error {
	p, err := ready(ctx, path)
	if err == nil {
		err = s.mkdirs(ctx, "make directory", p, mode)
	}
	return hadoop.Failure("make directory", path, err)
}

// RemoveAll is one request, however large the tree; HDFS' trash is not used.
func (s *Store) RemoveAll(ctx context.Context, path string) error {
	p, err := ready(ctx, path)
	switch {
	case err != nil:
	case p == "/":
		return job.Errorf(job.CodeInvalid, "remove %q: the root is never removed", p)
	default:
		_, err = s.remove(ctx, p, true)
	}
	return hadoop.Failure("remove", path, err)
}

func (s *Store) status(ctx context.Context, p string) (*fileStatus, error) {
	var reply struct{ FileStatus *fileStatus }
	if err := s.ask(ctx, request{method: get, op: "GETFILESTATUS", path: p, repeatable: true}, &reply); err != nil {
		return nil, err
	}
	if err := reply.FileStatus.check(); err != nil {
		return nil, err
	}
	return reply.FileStatus, nil
}

func (s *Store) mkdirs(ctx context.Context, op, p string, mode fs.FileMode) error {
	var done boolean
	err := s.ask(ctx, request{
		method: put, op: "MKDIRS", path: p, repeatable: true,
		params: url.Values{"permission": {octal(mode)}},
	}, &done)
	var e *hadoop.Exception
	if errors.Is(err, fs.ErrExist) || errors.As(err, &e) && e.FileInTheWay() {
		return hadoop.InTheWay(op, p)
	}
	if err == nil {
		err = done.mustBe(true)
	}
	return err
}

// remove reports whether there was anything. It takes below a file for nothing
// there.
func (s *Store) remove(ctx context.Context, p string, recursive bool) (bool, error) {
	var done boolean
	err := s.ask(ctx, request{
		method: del, op: "DELETE", path: p, repeatable: true,
		params: url.Values{"recursive": {strconv.FormatBool(recursive)}},
	}, &done)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = done.given()
	}
	return err == nil && *done.Boolean, err
}

func octal(mode fs.FileMode) string { return fmt.Sprintf("%o", mode.Perm()) }

func ready(ctx context.Context, path string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return hadoop.CleanPath(path)
}
