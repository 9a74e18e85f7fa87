package yarn

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
)

// stages is a Spark, and a directory to stage it to.
type stages struct {
	*testing.T
	spark, dir string
	store      store.Store
}

func newStages(t *testing.T) *stages {
	t.Helper()
	t.Parallel()
	s := &stages{T: t, spark: t.TempDir(), dir: filepath.Join(t.TempDir(), "runtimes"), store: file.New(file.Options{DirMode: modeDir})}
	for name, content := range map[string]string{
		"jars/spark-core_2.12-3.5.9.jar": strings.Repeat("core", 50000), "jars/hadoop-client-api-3.3.4.jar": "hadoop", "jars/empty.jar": "",
		"jars/not-a-jar.txt": "x", "python/lib/pyspark.zip": "pyspark", "python/lib/py4j-0.10.9.7-src.zip": "py4j!",
	} {
		s.write(filepath.Join(s.spark, name), content)
	}
	return s
}

func (s *stages) write(name, content string) {
	s.Helper()
	require.NoError(s, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(s, os.WriteFile(name, []byte(content), 0o600))
}

func (s *stages) stage() (Runtime, error) {
	return StageRuntime(s.Context(), s.store, s.dir, s.spark, nil)
}

func TestStageRuntime(t *testing.T) {
	s := newStages(t)
	var done, total int64
	r, err := StageRuntime(t.Context(), s.store, s.dir, s.spark, func(d, all int64) {
		require.Greater(t, d, done)
		done, total = d, all
	})
	require.NoError(t, err)
	require.Equal(t, "3.5.9", r.SparkVersion)
	require.False(t, r.HadoopProvided)
	require.Equal(t, int64(200000+6+7+5), total)
	require.GreaterOrEqual(t, done, total)

	archive, err := zip.OpenReader(r.Archive.Path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, archive.Close()) })
	jars := map[string]int{}
	for _, entry := range archive.File {
		require.Zero(t, entry.Flags&8, "sizes stand in front: Java cannot read it otherwise")
		content, err := entry.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(content)
		require.NoError(t, err)
		jars[entry.Name] = len(data)
	}
	require.Equal(t, map[string]int{"spark-core_2.12-3.5.9.jar": 200000, "hadoop-client-api-3.3.4.jar": 6, "empty.jar": 0}, jars)

	for _, f := range []RuntimeFile{r.Archive, r.PySpark, r.Py4J} {
		info, err := os.Stat(f.Path)
		require.NoError(t, err)
		require.Equal(t, f.Size, info.Size(), f.Path)
		require.Equal(t, fs.FileMode(0o644), info.Mode())
		dir, err := os.Stat(filepath.Dir(f.Path))
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o755), dir.Mode().Perm())
	}
	found, err := FindRuntime(t.Context(), s.store, s.dir, "3.5")
	require.NoError(t, err)
	require.Equal(t, r, found)
}

// refusing is a Store in which writing fails for some names, in the middle.
type refusing struct {
	*counting
	names string
}

var errRefused = errors.New("no room")

func (r refusing) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	r.called("write " + filepath.Base(path))
	if r.names != "" && strings.HasSuffix(path, r.names) {
		content = io.MultiReader(io.LimitReader(content, 3), errorReader{})
	}
	return r.Store.Write(ctx, path, content, mode)
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, errRefused }

func TestStageAgainWritesNoMoreThanItMust(t *testing.T) {
	s := newStages(t)
	first, err := s.stage()
	require.NoError(t, err)
	counted := refusing{counting: count(s.store)}
	s.store = counted
	again, err := s.stage()
	require.NoError(t, err)
	require.Equal(t, map[string]int{"stat": 3, "write 3.5.json": 1}, counted.taken())
	again.StagedAt = first.StagedAt
	require.Equal(t, first, again)

	s.write(filepath.Join(s.spark, "jars", "more.jar"), "more")
	other, err := s.stage()
	require.NoError(t, err)
	require.NotEqual(t, first.Archive.Path, other.Archive.Path, "another content has another name")
	require.FileExists(t, first.Archive.Path, "applications that run keep theirs")
}

// An upload that is cut off leaves no name, and no runtime; the next one goes on.
func TestStageThatIsCutOff(t *testing.T) {
	for _, names := range []string{"spark-libs.zip", "pyspark.zip", "py4j-0.10.9.7-src.zip", "3.5.json"} {
		t.Run(names, func(t *testing.T) {
			s := newStages(t)
			whole := s.store
			s.store = refusing{count(whole), names}
			_, err := s.stage()
			require.ErrorIs(t, err, errRefused)
			s.store = whole
			_, err = FindRuntime(t.Context(), s.store, s.dir, "3.5")
			require.Equal(t, job.CodeNotFound, job.CodeOf(err))
			require.NoError(t, filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
				require.False(t, err == nil && d.Name() == names, "half a file has its name")
				return err
			}))
			r, err := s.stage()
			require.NoError(t, err)
			_, err = zip.OpenReader(r.Archive.Path)
			require.NoError(t, err)
		})
	}
}

// What another program left under a name, cut off or closed, is replaced.
func TestStageReplacesWhatIsNotWhole(t *testing.T) {
	s := newStages(t)
	first, err := s.stage()
	require.NoError(t, err)
	require.NoError(t, os.Truncate(first.Archive.Path, 100))
	require.NoError(t, os.Chmod(first.PySpark.Path, 0o600))
	_, err = s.stage()
	require.NoError(t, err)
	info, err := os.Stat(first.Archive.Path)
	require.NoError(t, err)
	require.Equal(t, first.Archive.Size, info.Size())
	info, err = os.Stat(first.PySpark.Path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o644), info.Mode())
}

// meeting is a Store in which no file is written before some others are.
type meeting struct {
	store.Store
	begun *sync.WaitGroup
}

func (m meeting) Write(ctx context.Context, path string, content io.Reader, mode fs.FileMode) (int64, error) {
	if !strings.HasSuffix(path, ".json") {
		m.begun.Done()
		m.begun.Wait()
	}
	return m.Store.Write(ctx, path, content, mode)
}

func TestStageUploadsAtTheSameTime(t *testing.T) {
	s := newStages(t)
	s.store = meeting{s.store, &sync.WaitGroup{}}
	s.store.(meeting).begun.Add(3)
	_, err := s.stage()
	require.NoError(t, err)
}

func TestStageNeedsASparkWithPython(t *testing.T) {
	s := newStages(t)
	for _, name := range []string{"python/lib/pyspark.zip", "python/lib/py4j-0.10.9.7-src.zip", "jars/spark-core_2.12-3.5.9.jar"} {
		require.NoError(t, os.Remove(filepath.Join(s.spark, name)))
		_, err := s.stage()
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
		require.ErrorContains(t, err, s.spark)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	r := Runtime{Archive: RuntimeFile{Path: "/s/r/a.zip"}, PySpark: RuntimeFile{Path: "/s/r/b.zip"}, Py4J: RuntimeFile{Path: "/s/r/c.zip"}}
	for want, tree := range map[string]modes{
		"":           {},
		"/":          {"/": 0o700},
		"/s":         {"/s": 0o770, "/s/r": 0o700},
		"/s/r/b.zip": {"/s/r/b.zip": 0o600, "/s/r": 0o711},
	} {
		closed, err := r.Closed(t.Context(), &counting{calls: map[string]int{}, stat: tree.stat})
		require.NoError(t, err)
		require.Equal(t, want, closed)
	}
}

// A submission asks about what is its own; the rest is known from the ones before.
func TestSubmissionsAskLittle(t *testing.T) {
	s := newSite(t)
	st := count(s.options.Store)
	s.options.Store = st
	b, err := NewBuilder(s.options)
	require.NoError(t, err)
	build := func() submission.Input {
		in, err := b.(*builder).input(t.Context(), s.request)
		require.NoError(t, err)
		return in
	}
	build()
	st.taken()
	build()
	require.Equal(t, map[string]int{"stat": 1}, st.taken(), "the program")
}

func TestRuntimeIsPublicWhereItCanBe(t *testing.T) {
	s := newSite(t)
	st := count(s.options.Store)
	closed := ""
	st.stat = func(path string) (store.Info, error) {
		info, err := st.Store.Stat(t.Context(), path)
		info.Mode = 0o755
		if path == closed {
			info.Mode = 0o750
		}
		return info, err
	}
	s.options.Store = st
	for _, at := range []string{"", s.options.Settings.Runtimes, s.options.Settings.Runtimes + "/libs.zip"} {
		closed = at
		b, err := NewBuilder(s.options)
		require.NoError(t, err)
		in, err := b.(*builder).input(t.Context(), s.request)
		require.NoError(t, err)
		require.Equal(t, at == "", in.Runtime.Archive.Public)
		require.Equal(t, at != s.options.Settings.Runtimes, in.Runtime.Python[0].Public)
	}
}
