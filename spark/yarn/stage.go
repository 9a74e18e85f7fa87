package yarn

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

// Modes of a runtime: everybody's, so that NodeManagers keep one copy for all
// users.
const (
	modePublicFile fs.FileMode = 0o644
	modePublicDir  fs.FileMode = 0o755
)

// StageRuntime uploads the Spark at sparkHome below a directory of the cluster's
// file system, unless the same content is there, and makes it the one that
// applications of its version line ("3.5") get. Its directory is named by its
// content, so running applications keep theirs. Files get their names when they are
// complete, and the runtime is named last: an upload that is cut off is never taken
// for a runtime, and the next one completes it.
//
// progress, which may be nil, is told the bytes done and all there are, by one
// upload at a time.
func StageRuntime(ctx context.Context, st store.Store, dir, sparkHome string, progress func(done, total int64)) (Runtime, error) {
	home, err := openSparkHome(sparkHome)
	if err != nil {
		return Runtime{}, err
	}
	at := path.Join(dir, home.version+"-"+home.digest)
	if err := st.MkdirAll(ctx, at, modePublicDir); err != nil {
		return Runtime{}, fmt.Errorf("make %s: %w", at, err)
	}
	r := Runtime{SparkVersion: home.version, HadoopProvided: !home.hadoop, StagedAt: time.Now().UTC()}
	counted := &counter{total: home.size, tell: progress}
	uploads := []upload{
		{into: &r.Archive, name: "spark-libs.zip", size: home.archiveSize, open: func() (io.ReadCloser, error) { return zipped(home.jars), nil }},
		{into: &r.PySpark, name: filepath.Base(home.pyspark), size: home.pysparkSize, open: func() (io.ReadCloser, error) { return os.Open(home.pyspark) }},
		{into: &r.Py4J, name: filepath.Base(home.py4j), size: home.py4jSize, open: func() (io.ReadCloser, error) { return os.Open(home.py4j) }},
	}
	if err := putAll(ctx, st, at, uploads, counted); err != nil {
		return Runtime{}, err
	}
	record, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return Runtime{}, err
	}
	_, err = st.Write(ctx, path.Join(dir, runtimeRecord(r.SparkVersion)), strings.NewReader(string(record)+"\n"), modePublicFile)
	return r, err
}

// sparkHome is a Spark installation.
type sparkHome struct {
	version, digest string
	jars            []string
	pyspark, py4j   string
	// hadoop: Hadoop's jars are among them.
	hadoop bool
	// size of all files; archiveSize of the jars' archive. In bytes.
	size, archiveSize, pysparkSize, py4jSize int64
}

func openSparkHome(dir string) (sparkHome, error) {
	h := sparkHome{pyspark: filepath.Join(dir, "python", "lib", "pyspark.zip")}
	var err error
	if h.jars, err = filepath.Glob(filepath.Join(dir, "jars", "*.jar")); err != nil {
		return h, err
	}
	for _, jar := range h.jars {
		if version := spark.CoreVersion(filepath.Base(jar)); version != "" {
			h.version = version
		}
		h.hadoop = h.hadoop || strings.HasPrefix(filepath.Base(jar), "hadoop-client-")
	}
	py4j, err := filepath.Glob(filepath.Join(dir, "python", "lib", "py4j-*-src.zip"))
	if err != nil {
		return h, err
	}
	if h.version == "" || len(py4j) != 1 {
		return h, job.Errorf(job.CodeInvalid, "%s is not the home of a Spark with Python: jars/spark-core_*.jar and python/lib/py4j-*-src.zip are needed", dir)
	}
	h.py4j = py4j[0]
	unreadable := func(err error) error { return job.Errorf(job.CodeInvalid, "read the Spark at %s: %w", dir, err) }
	if h.digest, h.size, err = contentDigest(append(slices.Clone(h.jars), h.pyspark, h.py4j)); err != nil {
		return h, unreadable(err)
	}
	if h.archiveSize, err = zippedSize(h.jars); err != nil {
		return h, unreadable(err)
	}
	for file, size := range map[string]*int64{h.pyspark: &h.pysparkSize, h.py4j: &h.py4jSize} {
		info, err := os.Stat(file)
		if err != nil {
			return h, unreadable(err)
		}
		*size = info.Size()
	}
	return h, nil
}

// upload is one file of a runtime.
type upload struct {
	into *RuntimeFile
	name string
	// size that it has when it is complete, in bytes.
	size int64
	open func() (io.ReadCloser, error)
}

// putAll uploads files at the same time. The first that fails ends the others.
func putAll(ctx context.Context, st store.Store, dir string, uploads []upload, counted *counter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, u := range uploads {
		all.Go(func() {
			u.into.Path, u.into.Size = path.Join(dir, u.name), u.size
			if err := put(ctx, st, u, counted); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// put uploads a file unless it is there: what lies complete under a content's name
// has that content.
func put(ctx context.Context, st store.Store, u upload, counted *counter) error {
	name := u.into.Path
	info, err := st.Stat(ctx, name)
	switch {
	case err == nil && info.Size == u.size && info.Mode&modePublicFile == modePublicFile:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look for %s: %w", name, err)
	}
	content, err := u.open()
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read
	size, err := st.Write(ctx, name, io.TeeReader(content, counted), modePublicFile)
	if err != nil {
		return fmt.Errorf("upload %s: %w", name, err)
	}
	if size != u.size {
		return job.Errorf(job.CodeInvalid, "upload %s: %d bytes were read where there had been %d; the Spark was changed meanwhile", name, size, u.size)
	}
	return nil
}

// contentDigest names a set of files by what is in them.
func contentDigest(files []string) (digest string, size int64, err error) {
	sum := sha256.New()
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return "", 0, err
		}
		_, _ = io.WriteString(sum, filepath.Base(file)+"\x00") // never fails, by hash.Hash
		n, err := io.Copy(sum, f)
		_ = f.Close() // only read
		if err != nil {
			return "", 0, err
		}
		_, _ = fmt.Fprintf(sum, "\x00%d\x00", n) // never fails, by hash.Hash
		size += n
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), size, nil
}

// zipped streams files as a flat archive without compression, as Spark packs its
// own jars; times are left out, so that the same jars make the same archive.
func zipped(files []string) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		archive := zip.NewWriter(w)
		err := func() error {
			for _, file := range files {
				if err := addFile(archive, file); err != nil {
					return err
				}
			}
			return archive.Close()
		}()
		_ = w.CloseWithError(err) // never fails
	}()
	return r
}

func addFile(archive *zip.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	// NodeManagers unpack a stream, in which a stored entry must begin with its
	// length and checksum.
	sum := crc32.NewIEEE()
	size, err := io.Copy(sum, f)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	entry, err := archive.CreateRaw(entryOf(file, sum.Sum32(), uint64(size))) // a copy's length is not negative
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, f)
	return err
}

func entryOf(file string, sum uint32, size uint64) *zip.FileHeader {
	return &zip.FileHeader{
		Name: filepath.Base(file), Method: zip.Store, CRC32: sum, CompressedSize64: size, UncompressedSize64: size,
	}
}

// zippedSize is how long zipped will be.
func zippedSize(files []string) (int64, error) {
	size := &length{}
	archive := zip.NewWriter(size)
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return 0, err
		}
		n := uint64(info.Size()) // of a file, not negative
		if _, err := archive.CreateRaw(entryOf(file, 0, n)); err != nil {
			return 0, err
		}
		size.n += info.Size()
	}
	err := archive.Close()
	return size.n, err
}

// length counts what is written.
type length struct{ n int64 }

func (l *length) Write(p []byte) (int, error) {
	l.n += int64(len(p))
	return len(p), nil
}

// counter tells how much of some uploads is done.
type counter struct {
	mu          sync.Mutex
	done, total int64
	tell        func(done, total int64)
}

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += int64(len(p))
	if c.tell != nil {
		c.tell(c.done, c.total)
	}
	return len(p), nil
}
