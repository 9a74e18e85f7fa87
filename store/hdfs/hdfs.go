// Package hdfs is the Store on HDFS, over the NameNode's and DataNodes' own
// protocols. What those of the library in use lack, files that are erasure-coded
// or encrypted, goes through another Store of the same file system: WebHDFS.
//
// Files appear whole or not at all, also across a crash: content is written under
// a temporary name ".<name>.tmp-<random>" and renamed when the file is complete.
// A rename that may not replace is how Create is exclusive: the NameNode lets one
// of any number of callers have the name, and it has its content from the first
// moment. What a crash leaves is a dot file, which Spark does not read; it may be
// empty or end early, and its lease ends by itself.
//
// Modes are exactly those asked for, whatever the umask is set to. Directories
// that MkdirAll makes on its way get its mode, too.
//
// Errors are job errors, as package hadoop's table of exceptions says; a file in
// the way of a directory, a directory where a file should be, and names that HDFS
// does not have are of code invalid. Every call ends when its ctx does, and every
// wait for an answer by itself; a connection on which that happened is not used
// again. After a failed Write up to 5 s more pass while the temporary file is
// removed.
package hdfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"time"

	client "github.com/colinmarc/hdfs/v2"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

var _ store.Store = (*Store)(nil)

// Options of a Store.
type Options struct {
	// Authority of the URLs: a name service, or the NameNode's host:port. Required.
	Authority string
	// NameNodes are the RPC addresses, host:port, of the NameNodes behind the
	// authority, of which one is active. Required.
	NameNodes []string
	// User is who to be without Kerberos. Required unless Secure is set.
	User string
	// Secure sets what authenticates and protects connections: Kerberos. Nil is
	// Hadoop's simple authentication.
	Secure func(*client.ClientOptions)
	// DirMode is the mode of parent directories that Create and Write make; 0755
	// when it is 0.
	DirMode fs.FileMode
	// Replication and BlockSize (bytes) of new files; the NameNode's defaults when
	// they are 0.
	Replication int
	BlockSize   int64
	// UseDatanodeHostname connects to DataNodes by name instead of by address.
	UseDatanodeHostname bool
	// Connections bounds the calls that are made at a time, and the connections
	// kept for later; 8 when it is 0. Each Write and each open reader has one more
	// of its own, or copies from one file to another could wait for each other.
	Connections int
	// Timeout bounds each call but Write and reading, and each of their exchanges
	// with a NameNode; 30 s when it is 0. Transfers are bounded by Dialer.Stall.
	Timeout time.Duration
	// Dialer of the connections; the zero Dialer has defaults.
	Dialer hadoop.Dialer
	// WebHDFS serves what RPC can't. Nil makes that an error of code invalid.
	WebHDFS store.Store
	// Logger is told when WebHDFS begins to serve a directory; nil is silent.
	Logger *slog.Logger
}

// idleTimeout is how long a connection is kept for later; the library has each
// call the NameNode once a second.
const idleTimeout = 10 * time.Second

func (o Options) withDefaults() Options {
	if o.DirMode == 0 {
		o.DirMode = 0o755
	}
	if o.Connections == 0 {
		o.Connections = 8
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	var problems []string
	if _, err := store.ParseLocation("hdfs://" + o.Authority + "/"); err != nil || o.Authority == "" {
		problems = append(problems, "the authority must be a name service or a NameNode's host:port")
	}
	if len(o.NameNodes) == 0 {
		problems = append(problems, "no NameNode's address is given")
	}
	if o.User == "" && o.Secure == nil {
		problems = append(problems, "without Kerberos a user must be given")
	}
	if o.Connections < 0 || o.Timeout < 0 || o.Replication < 0 || o.BlockSize < 0 {
		problems = append(problems, "connections, timeout, replication and block size can't be negative")
	}
	if len(problems) > 0 {
		return job.Invalid("HDFS store "+o.Authority, problems)
	}
	return nil
}

// FromConfiguration returns the options that a Hadoop configuration holds for an
// authority, "" being the default file system's. The caller adds who to be.
func FromConfiguration(c *hadoop.Configuration, authority string) (Options, error) {
	if authority == "" {
		var err error
		if authority, err = c.Authority(); err != nil {
			return Options{}, err
		}
	}
	namenodes, err := c.NameNodes(authority)
	if err != nil {
		return Options{}, err
	}
	o := Options{Authority: authority, NameNodes: namenodes}
	o.UseDatanodeHostname = c.Get("dfs.client.use.datanode.hostname") == "true"
	replication, err := c.Size("dfs.replication")
	if err != nil {
		return Options{}, err
	}
	o.Replication = int(replication)
	if o.BlockSize, err = c.Size("dfs.blocksize"); err != nil {
		return Options{}, err
	}
	return o, nil
}

// Store reads and writes HDFS.
type Store struct {
	authority string
	direct    backend
	pool      *pool
	web       store.Store
	log       *slog.Logger
	// reads and writes are where WebHDFS is known to be needed.
	reads, writes *detours
}

// backend is the part of a Store that touches files.
type backend interface {
	Create(ctx context.Context, path string, data []byte, mode fs.FileMode) error
	Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error)
	MkdirAll(ctx context.Context, path string, mode fs.FileMode) error
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	Stat(ctx context.Context, path string) (store.Info, error)
	List(ctx context.Context, dir string) ([]store.Info, error)
	RemoveAll(ctx context.Context, path string) error
}

// New makes a Store. It connects when it is first used. Options that can't work
// are an error of code invalid.
func New(o Options) (*Store, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	p := newPool(o)
	return &Store{
		authority: o.Authority, direct: &direct{o: o, pool: p}, pool: p, web: o.WebHDFS, log: o.Logger,
		reads: &detours{}, writes: &detours{below: true},
	}, nil
}

// Close closes the connections kept for later; those in use are closed when
// their calls end.
func (s *Store) Close() error {
	s.pool.close()
	return nil
}

// Scheme is "hdfs".
func (s *Store) Scheme() string { return "hdfs" }

// URL is "hdfs://", the authority and the path as it is: Hadoop's Path decodes
// nothing.
func (s *Store) URL(path string) string { return "hdfs://" + s.authority + path }

// Create is atomic: the name appears with its content. An error other than
// fs.ErrExist doesn't prove that the file was not made.
func (s *Store) Create(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	_, err := serve(ctx, s, s.writes, "create", path, func(b backend, p string) (none, error) {
		return none{}, b.Create(ctx, p, data, mode)
	})
	return err
}

// Write renames over whatever file has the name; a directory stays, and fails the
// call with fs.ErrExist. ctx is looked at between reads of content; a read that
// hangs must be ended by its maker.
func (s *Store) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	return serve(ctx, s, s.writes, "write", path, func(b backend, p string) (int64, error) {
		return b.Write(ctx, p, content, mode)
	})
}

// MkdirAll gives all the directories it makes this mode, and leaves those that
// are there as they are.
func (s *Store) MkdirAll(ctx context.Context, path string, mode fs.FileMode) error {
	_, err := serve(ctx, s, nil, "make directory", path, func(b backend, p string) (none, error) {
		return none{}, b.MkdirAll(ctx, p, mode)
	})
	return err
}

// Open fails at once for a missing or forbidden file. Reading stops when ctx
// ends; it goes on with another DataNode when one fails.
func (s *Store) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	return serve(ctx, s, s.reads, "open", path, func(b backend, p string) (io.ReadCloser, error) {
		return b.Open(ctx, p)
	})
}

// Stat describes a file as the NameNode knows it: one that is still being written
// has the size of its complete blocks.
func (s *Store) Stat(ctx context.Context, path string) (store.Info, error) {
	return serve(ctx, s, nil, "stat", path, func(b backend, p string) (store.Info, error) {
		return b.Stat(ctx, p)
	})
}

// List takes one call for about each 1000 entries. Listing a file fails as
// missing: there is no such directory.
func (s *Store) List(ctx context.Context, dir string) ([]store.Info, error) {
	return serve(ctx, s, nil, "list", dir, func(b backend, p string) ([]store.Info, error) {
		return b.List(ctx, p)
	})
}

// Glob is store.Glob.
func (s *Store) Glob(ctx context.Context, pattern string) ([]store.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, hadoop.Failure("glob", pattern, err)
	}
	return store.Glob(ctx, s, pattern)
}

// RemoveAll is one call, however large the tree; HDFS' trash is not used.
func (s *Store) RemoveAll(ctx context.Context, path string) error {
	_, err := serve(ctx, s, nil, "remove", path, func(b backend, p string) (none, error) {
		if p == "/" {
			return none{}, job.Errorf(job.CodeInvalid, "remove %q: the root is never removed", p)
		}
		return none{}, b.RemoveAll(ctx, p)
	})
	return err
}

type none struct{}

// serve makes a call by RPC or, where that is known not to do or turns out not
// to, through WebHDFS. An unsupported call has changed nothing and read nothing
// of its content. Where known is nil, there is nothing to remember.
func serve[T any](ctx context.Context, s *Store, known *detours, op, path string,
	call func(b backend, path string) (T, error),
) (T, error) {
	var nothing T
	path, err := ready(ctx, path)
	if err != nil {
		return nothing, hadoop.Failure(op, path, err)
	}
	if s.web != nil && known != nil && known.lead(path) {
		return call(s.web, path)
	}
	result, err := call(s.direct, path)
	if errors.Is(err, errors.ErrUnsupported) && s.web != nil {
		if known != nil && known.remember(path) {
			s.log.InfoContext(ctx, "WebHDFS serves a directory that RPC can't", "path", path, "reason", err.Error())
		}
		return call(s.web, path)
	}
	return result, hadoop.Failure(op, path, err)
}

func ready(ctx context.Context, path string) (string, error) {
	if err := ctx.Err(); err != nil {
		return path, err
	}
	clean, err := hadoop.CleanPath(path)
	if err != nil {
		return path, err
	}
	return clean, nil
}
