package yarn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
	"github.com/stoker-spark/stoker/store"
)

// url is the URL of a path of the store, escaped as Hadoop reads URLs.
func (b *builder) url(name string) string {
	root, err := url.Parse(b.opts.Store.URL("/"))
	if err != nil {
		panic(fmt.Sprintf("yarn: the store's URLs are none: %v", err))
	}
	root.Path = name
	return root.String()
}

// unreachable says what a file system did not do: what is forbidden stays so, all else
// may pass.
func unreachable(what string, err error) error {
	var known *job.Error
	switch {
	case errors.As(err, &known):
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, fs.ErrPermission):
		return job.Errorf(job.CodeUnauthorized, "%s: %w", what, err)
	}
	return job.Errorf(job.CodeUnavailable, "%s: %w", what, err)
}

// schemeLocal is of files that every node has.
const schemeLocal = "local:"

// resolving turns the names in a launch into resources; errors add up.
type resolving struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	b   *builder
	dir string
	// staging is the application's own directory.
	staging string
	// held is what lies in dir, as far as it is known.
	held contents
	// sent is the size of the worker's files so far, in bytes.
	sent int64
	errs []error
}

// one resolves a path, absolute or relative to the job directory, or a URL,
// with an alias behind '#'.
func (r *resolving) one(name string) submission.Resource {
	if strings.HasPrefix(name, schemeLocal) {
		return submission.Resource{URL: name}
	}
	name, alias, _ := strings.Cut(name, "#")
	if u, err := url.Parse(name); err == nil && u.Scheme != "" {
		if !r.serves(u.Scheme, u.Host) {
			r.errs = append(r.errs, job.Errorf(job.CodeInvalid, "%s: only files of the cluster's file system (%s) can be sent along",
				name, r.b.opts.Store.URL("/")))
			return submission.Resource{}
		}
		name = u.Path
	}
	if !path.IsAbs(name) {
		name = path.Join(r.dir, name)
	}
	info, err := r.stat(name)
	if err != nil {
		r.errs = append(r.errs, unreachable("look at "+name, err))
		return submission.Resource{}
	}
	return r.resource(info, alias)
}

// serves reports whether the cluster's file system is what a URL names.
func (r *resolving) serves(scheme, authority string) bool {
	own := store.Set{Default: r.b.opts.Store}
	_, _, err := own.Resolve(scheme + "://" + authority + "/")
	return err == nil
}

func (r *resolving) stat(name string) (store.Info, error) {
	if info, ok := r.held[path.Base(name)]; ok && info.Path == name {
		return info, nil
	}
	return r.b.opts.Store.Stat(r.ctx, name)
}

func (r *resolving) resource(info store.Info, alias string) submission.Resource {
	public, err := r.b.everybody.mayRead(r.ctx, info)
	if err != nil {
		r.errs = append(r.errs, unreachable("look who may read "+info.Path, err))
	}
	return submission.Resource{
		URL: r.b.url(info.Path), Name: alias, Size: info.Size, Modified: info.ModTime.UnixMilli(), Public: public,
	}
}

func (r *resolving) all(names []string) []submission.Resource {
	list := make([]submission.Resource, 0, len(names))
	for _, name := range names {
		list = append(list, r.one(name))
	}
	return list
}

// tree resolves every file below a directory, named by its path there.
func (r *resolving) tree(dir string) []submission.Resource {
	var list []submission.Resource
	var walk func(at string)
	walk = func(at string) {
		entries, err := r.b.opts.Store.List(r.ctx, at)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			r.errs = append(r.errs, unreachable("list "+at, err))
			return
		}
		for _, entry := range entries {
			if entry.Dir {
				walk(entry.Path)
				continue
			}
			list = append(list, r.resource(entry, strings.TrimPrefix(entry.Path, dir+"/")))
		}
	}
	if r.held == nil || path.Dir(dir) != r.dir || r.held.has(path.Base(dir)) {
		walk(dir)
	}
	return list
}
