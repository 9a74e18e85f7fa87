package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// aggregated is the directory of aggregated logs in the cluster's file system:
//
//	since 3.3  <dir>/<user>/bucket-<suffix>/<number % 10000, four digits>/<application>/<node>
//	before     <dir>/<user>/<suffix>/<application>/<node>, suffix without the format before 3.0
//
// A node's file is called by its id with _ instead of the colon; with a time in ms
// after another _ where logs are aggregated while applications run; and with .tmp
// at the end while it is new (org.apache.hadoop.yarn.logaggregation).
//
// Of the folders that the configuration names the first that has the application
// counts. Clients are often not told what NodeManagers are, so if none has it, the
// other ones beside them are looked into. One that can't be read hides no other: the
// formats' folders may have different rights.
type aggregated struct {
	folders []Folder
	old     bool
}

func (a *aggregated) name(container) string {
	var dirs []string
	for _, f := range a.folders {
		if !slices.Contains(dirs, f.Dir) {
			dirs = append(dirs, f.Dir)
		}
	}
	return "the aggregated logs in " + strings.Join(dirs, " and ")
}

// nodeFile is a file of one node in one of the file systems.
type nodeFile struct {
	store store.Store
	path  string
}

const (
	// bucketPrefix is of the folders since 3.3.
	bucketPrefix = "bucket-"
	// oldestSuffix had no format.
	oldestSuffix = "logs"
)

// bucket is an application's directory below a folder since 3.3.
func bucket(folder string, c container) string {
	number, _ := strconv.ParseInt(c.application[strings.LastIndexByte(c.application, '_')+1:], 10, 64) // an id ends so
	return path.Join(folder, fmt.Sprintf("%04d", number%10000), c.application)
}

// dirs lists where an application's files are, most likely first.
func (a *aggregated) dirs(f Folder, c container) []string {
	user := path.Join(f.Dir, c.user)
	dirs := []string{bucket(path.Join(user, bucketPrefix+f.Suffix), c)}
	if a.old {
		dirs = append(dirs, path.Join(user, f.Suffix, c.application))
		if f.Suffix != oldestSuffix {
			dirs = append(dirs, path.Join(user, oldestSuffix, c.application))
		}
	}
	return dirs
}

// others lists where they may be if they are in none of dirs.
func (a *aggregated) others(ctx context.Context, f Folder, c container) ([]string, error) {
	entries, err := f.Store.List(ctx, path.Join(f.Dir, c.user))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failed(err)
	}
	var dirs []string
	for _, e := range entries {
		switch name := path.Base(e.Path); {
		case !e.Dir:
		case strings.HasPrefix(name, bucketPrefix):
			dirs = append(dirs, bucket(e.Path, c))
		case a.old:
			dirs = append(dirs, path.Join(e.Path, c.application))
		}
	}
	return dirs, nil
}

// errArchive: the application's files were put into one.
var errArchive = job.Errorf(job.CodeUnavailable, "are in a Hadoop archive, which only the history server reads")

// files lists the files that may hold a container's logs, in the order in which
// they were written; without the container's node, those of all nodes. What can't be
// read counts only if nothing is found elsewhere.
func (a *aggregated) files(ctx context.Context, c container) ([]nodeFile, error) {
	if !isName(c.user) {
		return nil, errUnknown
	}
	var failures []error
	for _, f := range a.folders {
		files, err := filesIn(ctx, f.Store, a.dirs(f, c), c)
		if len(files) > 0 {
			return files, nil
		}
		failures = append(failures, err)
	}
	for _, f := range a.folders {
		dirs, err := a.others(ctx, f, c)
		failures = append(failures, err)
		files, err := filesIn(ctx, f.Store, dirs, c)
		if len(files) > 0 {
			return files, nil
		}
		failures = append(failures, err)
	}
	return nil, worst(failures)
}

// worst is errArchive, which tells most, else the first of some errors, errUnknown
// without any.
func worst(errs []error) error {
	worst := errUnknown
	for _, err := range errs {
		switch {
		case errors.Is(err, errArchive):
			return err
		case err != nil && errors.Is(worst, errUnknown):
			worst = err
		}
	}
	return worst
}

// filesIn lists an application's files in the directories. The error, also beside
// files, is why one of them can't be read.
func filesIn(ctx context.Context, st store.Store, dirs []string, c container) ([]nodeFile, error) {
	node := strings.ReplaceAll(c.node, ":", "_")
	var files []nodeFile
	var failures []error
	for _, dir := range dirs {
		entries, err := st.List(ctx, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			failures = append(failures, failed(err))
			continue
		}
		for _, e := range entries {
			name := path.Base(e.Path)
			if name == c.application+".har" {
				failures = append(failures, errArchive)
				continue
			}
			if !e.Dir && !strings.HasSuffix(name, ".tmp") && (node == "" || name == node || isPart(name, node)) {
				files = append(files, nodeFile{st, e.Path})
			}
		}
	}
	// Names of one node differ in the time only, of which all have the same length.
	slices.SortFunc(files, func(a, b nodeFile) int { return strings.Compare(a.path, b.path) })
	if len(failures) == 0 {
		return files, nil
	}
	return files, worst(failures)
}

// isPart reports whether a name is a node's with a time.
func isPart(name, node string) bool {
	time, ok := strings.CutPrefix(name, node+"_")
	return ok && time != "" && strings.Trim(time, "0123456789") == ""
}

// failed says why the file system can't tell.
func failed(err error) error {
	code := job.CodeUnavailable
	if errors.Is(err, fs.ErrPermission) {
		code = job.CodeUnauthorized
	}
	return job.Errorf(code, "can't be read: %w", hadoop.RedactError(err))
}

func (a *aggregated) open(ctx context.Context, c container, stream string, offset, _ int64) (*section, error) {
	files, err := a.files(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(files) == 1 {
		p, err := a.part(ctx, files[0], c.id, stream)
		if err != nil {
			return nil, err
		}
		start := resolve(offset, p.length)
		return sectionOf(start, p.length, start, p, p.file)
	}
	return a.join(ctx, c, stream, offset, files)
}

// join opens a stream whose parts lie in several files.
func (a *aggregated) join(ctx context.Context, c container, stream string, offset int64, files []nodeFile) (*section, error) {
	var sizes []int64
	var with []nodeFile
	var size int64
	absent := errUnknown
	for _, file := range files {
		p, err := a.part(ctx, file, c.id, stream)
		var other *absentError
		switch {
		case err == nil:
			_ = p.file.Close() // only its length was of interest
			sizes, with, size = append(sizes, p.length), append(with, file), size+p.length
		case errors.As(err, &other):
			absent = err
		case !errors.Is(err, errUnknown):
			return nil, err
		}
	}
	if len(with) == 0 {
		return nil, absent
	}
	start := resolve(offset, size)
	skip := start
	for len(with) > 0 && skip >= sizes[0] {
		skip, sizes, with = skip-sizes[0], sizes[1:], with[1:]
	}
	parts := &partsReader{open: func(file nodeFile) (*part, error) { return a.part(ctx, file, c.id, stream) }, files: with, sizes: sizes}
	return sectionOf(start, size, skip, parts, parts)
}

// part is a stream within one file.
type part struct {
	file   io.Closer
	value  *chunks
	length int64
	left   int64
}

// part finds a stream in a file.
func (a *aggregated) part(ctx context.Context, file nodeFile, id, stream string) (*part, error) {
	in, err := file.store.Open(ctx, file.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errUnknown // it is over
	}
	if err != nil {
		return nil, failed(err)
	}
	p, err := find(in, id, stream)
	if err != nil {
		_ = in.Close() // err is the one that matters
		var absent *absentError
		if errors.Is(err, errUnknown) || errors.As(err, &absent) {
			return nil, err
		}
		return nil, failed(err)
	}
	p.file = in
	return p, nil
}

func find(in io.Reader, id, stream string) (*part, error) {
	t, err := newTFile(in)
	if err != nil {
		return nil, err
	}
	value, err := t.find(id)
	if err != nil {
		return nil, err
	}
	absent := &absentError{}
	for {
		e, err := value.entry()
		if errors.Is(err, io.EOF) {
			return nil, absent
		}
		if err != nil {
			return nil, err
		}
		if e.name == stream {
			return &part{value: value, length: e.length, left: e.length}, nil
		}
		if len(absent.streams) < maxStreams {
			absent.streams = append(absent.streams, e.name)
		}
		if _, err := io.CopyN(io.Discard, value, e.length); err != nil {
			if errors.Is(err, io.EOF) {
				err = badTFile("a log that is not as long as it says")
			}
			return nil, err
		}
	}
}

func (p *part) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	if int64(len(b)) > p.left {
		b = b[:p.left]
	}
	n, err := p.value.Read(b)
	p.left -= int64(n)
	if err != nil && p.left > 0 {
		if errors.Is(err, io.EOF) {
			return n, broken("hold a log that is not as long as it says")
		}
		return n, failed(err)
	}
	return n, nil
}

// partsReader reads one part after the other.
type partsReader struct {
	open  func(file nodeFile) (*part, error)
	files []nodeFile
	sizes []int64
	now   *part
}

func (r *partsReader) Read(b []byte) (int, error) {
	for {
		if r.now == nil {
			if len(r.files) == 0 {
				return 0, io.EOF
			}
			p, err := r.open(r.files[0])
			if err == nil && p.length != r.sizes[0] {
				_ = p.file.Close() // nothing was read
				err = broken("hold a log of another size than before")
			}
			if err != nil {
				return 0, err
			}
			r.now, r.files, r.sizes = p, r.files[1:], r.sizes[1:]
		}
		n, err := r.now.Read(b)
		if err == io.EOF { //nolint:errorlint // a part's bare end
			_ = r.now.file.Close() // it was read
			r.now, err = nil, nil
			if n == 0 {
				continue
			}
		}
		return n, err
	}
}

func (r *partsReader) Close() error {
	if r.now != nil {
		return r.now.file.Close()
	}
	return nil
}

// containers lists the containers that an application's files hold.
func (a *aggregated) containers(ctx context.Context, c container) ([]string, error) {
	files, err := a.files(ctx, c)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, file := range files {
		found, err := a.keys(ctx, file)
		if err != nil {
			return nil, err
		}
		ids = append(ids, found...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (a *aggregated) keys(ctx context.Context, file nodeFile) ([]string, error) {
	in, err := file.store.Open(ctx, file.path)
	if err != nil {
		return nil, failed(err)
	}
	defer in.Close() //nolint:errcheck // nothing is lost: what was read was read
	t, err := newTFile(in)
	if err != nil {
		return nil, failed(err)
	}
	var keys []string
	for {
		key, err := t.next()
		if errors.Is(err, errUnknown) {
			return keys, nil
		}
		if err != nil {
			return nil, failed(err)
		}
		if len(keys) < maxContainers {
			keys = append(keys, key)
		}
	}
}

// maxContainers bounds the keys kept of one file.
const maxContainers = 10000
