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
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// Runtime is a Spark that lies in the cluster's file system, where every
// NodeManager fetches it once.
type Runtime struct {
	// SparkVersion such as "3.5.9".
	SparkVersion string `json:"sparkVersion"`
	// Archive holds Spark's jars, flat; PySpark and Py4J are Spark's own zips.
	Archive RuntimeFile `json:"archive"`
	PySpark RuntimeFile `json:"pyspark"`
	Py4J    RuntimeFile `json:"py4j"`
	// HadoopProvided: the jars are without Hadoop's, which the cluster has.
	HadoopProvided bool      `json:"hadoopProvided,omitempty"`
	StagedAt       time.Time `json:"stagedAt"`
}

// RuntimeFile is one file of a Runtime.
type RuntimeFile struct {
	// Path in the cluster's default file system.
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// Modes of a runtime: everybody's, so that NodeManagers keep one copy for all
// users.
const (
	modePublicFile fs.FileMode = 0o644
	modePublicDir  fs.FileMode = 0o755
)

var coreJar = regexp.MustCompile(`^spark-core_[0-9.]+-([0-9][0-9A-Za-z.]*?)\.jar$`)

// StageRuntime uploads the Spark at sparkHome below a directory of the cluster's
// file system, unless the same content is there, and makes it the one that
// applications of its version line ("3.5") get. Its directory is named by its
// content, so running applications keep theirs.
func StageRuntime(ctx context.Context, st store.Store, dir, sparkHome string, progress func(done, total int64)) (Runtime, error) {
	jars, err := filepath.Glob(filepath.Join(sparkHome, "jars", "*.jar"))
	if err != nil {
		return Runtime{}, err
	}
	r := Runtime{StagedAt: time.Now().UTC()}
	hadoop := false
	for _, jar := range jars {
		if m := coreJar.FindStringSubmatch(filepath.Base(jar)); m != nil {
			r.SparkVersion = m[1]
		}
		hadoop = hadoop || strings.HasPrefix(filepath.Base(jar), "hadoop-client-")
	}
	pyspark := filepath.Join(sparkHome, "python", "lib", "pyspark.zip")
	py4j, err := filepath.Glob(filepath.Join(sparkHome, "python", "lib", "py4j-*-src.zip"))
	if err != nil {
		return Runtime{}, err
	}
	if r.SparkVersion == "" || len(py4j) != 1 {
		return Runtime{}, job.Errorf(job.CodeInvalid, "%s is not the home of a Spark with Python: jars/spark-core_*.jar and python/lib/py4j-*-src.zip are needed", sparkHome)
	}
	r.HadoopProvided = !hadoop
	digest, total, err := contentDigest(append(slices.Clone(jars), pyspark, py4j[0]))
	if err != nil {
		return Runtime{}, job.Errorf(job.CodeInvalid, "read the Spark at %s: %w", sparkHome, err)
	}
	home := path.Join(dir, r.SparkVersion+"-"+digest)
	if err := st.MkdirAll(ctx, home, modePublicDir); err != nil {
		return Runtime{}, fmt.Errorf("make %s: %w", home, err)
	}
	counted := &counter{total: total, tell: progress}
	for _, file := range []struct {
		into *RuntimeFile
		name string
		open func() (io.ReadCloser, error)
	}{
		{&r.Archive, "spark-libs.zip", func() (io.ReadCloser, error) { return zipped(jars), nil }},
		{&r.PySpark, "pyspark.zip", func() (io.ReadCloser, error) { return os.Open(pyspark) }},
		{&r.Py4J, filepath.Base(py4j[0]), func() (io.ReadCloser, error) { return os.Open(py4j[0]) }},
	} {
		file.into.Path = path.Join(home, file.name)
		if file.into.Size, err = put(ctx, st, file.into.Path, file.open, counted); err != nil {
			return Runtime{}, err
		}
	}
	record, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return Runtime{}, err
	}
	_, err = st.Write(ctx, path.Join(dir, runtimeRecord(r.SparkVersion)), strings.NewReader(string(record)+"\n"), modePublicFile)
	return r, err
}

// put uploads a file unless it is there: what lies under a content's name has
// that content.
func put(ctx context.Context, st store.Store, name string, open func() (io.ReadCloser, error), counted *counter) (int64, error) {
	info, err := st.Stat(ctx, name)
	if err == nil {
		return info.Size, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("look for %s: %w", name, err)
	}
	content, err := open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = content.Close() }() // only read
	size, err := st.Write(ctx, name, io.TeeReader(content, counted), modePublicFile)
	if err != nil {
		return 0, fmt.Errorf("upload %s: %w", name, err)
	}
	return size, nil
}

// runtimeRecord is the name of the file that says which runtime a version line
// has: "3.5.json" for 3.5.9.
func runtimeRecord(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".") + ".json"
}

// FindRuntime reads which runtime a version line ("3.5") has. Without one the
// error is not_found.
func FindRuntime(ctx context.Context, st store.Store, dir, line string) (Runtime, error) {
	d := jobDir{store: st, path: dir}
	r, err := readJSON[Runtime](ctx, d, runtimeRecord(line))
	if err != nil {
		return Runtime{}, err
	}
	if r == nil {
		return Runtime{}, job.Errorf(job.CodeNotFound, "no Spark %s is staged below %s: run \"stoker runtime stage\"", line, dir)
	}
	return *r, nil
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
	length := uint64(size) // a copy's length is not negative
	entry, err := archive.CreateRaw(&zip.FileHeader{
		Name: filepath.Base(file), Method: zip.Store, CRC32: sum.Sum32(), CompressedSize64: length, UncompressedSize64: length,
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, f)
	return err
}

// counter tells how much of an upload is done.
type counter struct {
	done, total int64
	tell        func(done, total int64)
}

func (c *counter) Write(p []byte) (int, error) {
	c.done += int64(len(p))
	if c.tell != nil {
		c.tell(c.done, c.total)
	}
	return len(p), nil
}
