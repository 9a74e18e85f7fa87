package yarn

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
	"github.com/stoker-spark/stoker/store"
)

// maxHostFiles bounds the files of the worker's host that are sent along with one
// application, together, in bytes: they are uploaded while it is submitted, and each is
// held in memory.
const maxHostFiles = 64 << 20

// onHost sends files of this host along. Where a file goes depends on its path and its
// content, and one that is there stays: what was built before stays valid.
func (r *resolving) onHost(from, pattern, alias string) []submission.Resource {
	if r.staging == "" {
		r.refusef("%s: %s is a file of the worker's host, which is not uploaded for each application; put it into the cluster's file system, or write local: if all nodes have it",
			from, pattern)
		return nil
	}
	if !filepath.IsAbs(pattern) {
		r.refusef("%s: %s is no absolute path", from, pattern)
		return nil
	}
	matches, err := filepath.Glob(pattern)
	if err != nil {
		r.refusef("%s: %s is no pattern", from, pattern)
		return nil
	}
	var found []submission.Resource
	for _, name := range matches {
		info, err := os.Stat(name)
		if err != nil {
			r.refusef("%s: %w", from, err)
			continue
		}
		if !info.Mode().IsRegular() {
			continue
		}
		if r.sent += info.Size(); r.sent > maxHostFiles {
			r.refusef("%s: with %s, of %d bytes, the files of the worker's host have more than the %d bytes that are sent along with one application; put it into the cluster's file system",
				from, name, info.Size(), maxHostFiles)
			return found
		}
		found = append(found, r.send(from, name, info, alias))
	}
	return found
}

// send uploads a file of this host, unless it is there: a copy's name tells its content.
func (r *resolving) send(from, name string, info fs.FileInfo, alias string) submission.Resource {
	digest, err := r.b.digests.of(name, info)
	if err != nil {
		r.refusef("%s: %w", from, err)
		return submission.Resource{}
	}
	parent := sha256.Sum256([]byte(path.Dir(name)))
	copied := path.Join(r.staging, "host-"+hex.EncodeToString(parent[:4])+"-"+digest, path.Base(name))
	there, err := r.b.opts.Store.Stat(r.ctx, copied)
	if errors.Is(err, fs.ErrNotExist) || err == nil && there.Size != info.Size() {
		there, err = r.put(name, info, digest, copied)
	}
	if err != nil {
		r.errs = append(r.errs, unreachable(from+": upload "+name, err))
		return submission.Resource{}
	}
	return r.resource(there, alias)
}

func (r *resolving) put(name string, info fs.FileInfo, digest, copied string) (store.Info, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return store.Info{}, err
	}
	if digestOf(sha256.Sum256(content)) != digest {
		r.b.digests.forget(name, info)
		return store.Info{}, job.Errorf(job.CodeUnavailable, "it was changed meanwhile")
	}
	return r.b.upload(r.ctx, copied, content)
}

// digests remembers what is in files of this host, which are read for every application
// and every time that one asks for room.
type digests struct {
	mu    sync.Mutex
	known map[hostFile]string
}

// hostFile is a file as it was when it was read.
type hostFile struct {
	name     string
	size     int64
	modified time.Time
}

// mostDigests bounds the memory; who has more files starts anew.
const mostDigests = 1000

func (d *digests) of(name string, info fs.FileInfo) (string, error) {
	file := hostFile{name: name, size: info.Size(), modified: info.ModTime()}
	d.mu.Lock()
	digest, ok := d.known[file]
	d.mu.Unlock()
	if ok {
		return digest, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	sum := sha256.New()
	if _, err = io.Copy(sum, io.LimitReader(f, maxHostFiles)); err != nil {
		return "", err
	}
	digest = digestOf([sha256.Size]byte(sum.Sum(nil)))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= mostDigests {
		d.known = map[hostFile]string{}
	}
	d.known[file] = digest
	return digest, nil
}

func (d *digests) forget(name string, info fs.FileInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, hostFile{name: name, size: info.Size(), modified: info.ModTime()})
}

func digestOf(sum [sha256.Size]byte) string { return hex.EncodeToString(sum[:8]) }
