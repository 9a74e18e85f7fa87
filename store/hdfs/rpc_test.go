package hdfs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

func TestCreateIsARenameThatMayNotReplace(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var replaced atomic.Bool
	f.on["rename2"] = func(r request) (string, error) {
		replaced.Store(replaced.Load() || r.is("overwriteDest"))
		return goOn, nil
	}
	st := storeOn(t, nil, f.address)
	require.NoError(t, st.Create(t.Context(), "/a/b/claim", nil, 0o600))
	require.False(t, replaced.Load())
	require.Equal(t, []string{"/", "/a", "/a/b", "/a/b/claim"}, f.names(), "nothing temporary is left")
	require.ErrorIs(t, st.Create(t.Context(), "/a/b/claim", nil, 0o600), fs.ErrExist)
	_, err := st.Write(t.Context(), "/a/b/claim", strings.NewReader(""), 0o600)
	require.NoError(t, err)
	require.True(t, replaced.Load())
}

// Somebody takes the name between Create's look and its rename.
func TestCreateLosesAtTheRename(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on["rename2"] = func(r request) (string, error) {
		f.put(r.text("dst"), directory)
		return goOn, nil
	}
	err := storeOn(t, nil, f.address).Create(t.Context(), "/claim", nil, 0o600)
	require.ErrorIs(t, err, fs.ErrExist)
	require.Equal(t, job.CodeConflict, job.CodeOf(err))
	require.Equal(t, []string{"/", "/claim"}, f.names(), "the loser's temporary file is gone")
}

// The NameNode renames and dies before it answers: whose file it is tells.
func TestLostAnswerOfARename(t *testing.T) {
	t.Parallel()
	for name, mine := range map[string]bool{"my file": true, "another's": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.on["rename2"] = func(r request) (string, error) {
				if mine {
					_, _ = f.byTree("rename2", r)
				} else {
					f.put(r.text("dst"), directory)
				}
				return "", errHangUp
			}
			err := storeOn(t, nil, f.address).Create(t.Context(), "/claim", nil, 0o600)
			if mine {
				require.NoError(t, err)
			} else {
				require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "%v", err)
			}
			require.Equal(t, []string{"/", "/claim"}, f.names())
		})
	}
}

func TestCloseIsRepeatedUntilTheBlocksAreKnown(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var asked atomic.Int32
	f.on["complete"] = func(request) (string, error) {
		if asked.Add(1) < 6 {
			return "result:false", nil
		}
		return "result:true", nil
	}
	begun := time.Now()
	require.NoError(t, storeOn(t, nil, f.address).Create(t.Context(), "/x", nil, 0o600))
	require.Equal(t, int32(6), asked.Load())
	require.Less(t, time.Since(begun), 1500*time.Millisecond, "Hadoop's own client waits 400 ms each time")
}

func TestCloseIsNotRepeatedForEver(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on["complete"] = func(request) (string, error) { return "result:false", nil }
	st := storeOn(t, func(o *Options) { o.Timeout = 300 * time.Millisecond }, f.address)
	err := st.Create(t.Context(), "/x", nil, 0o600)
	require.Equal(t, job.CodeUnavailable, job.CodeOf(err), "%v", err)
	require.Equal(t, []string{"/"}, f.names())
	require.Less(t, f.count("complete"), 100, "with less haste after a while")
}

func TestModes(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var changed atomic.Value
	f.on["create"] = func(r request) (string, error) { // a default ACL takes bits away
		f.put(r.text("src"), `fileType:IS_FILE length:0 permission{perm:384} owner:"o" group:"g" modification_time:0 access_time:0`)
		return `fs{path:"" ` + directory + `}`, nil
	}
	f.on["setPermission"] = func(r request) (string, error) {
		changed.Store(r.perm("permission"))
		return "", nil
	}
	st := storeOn(t, nil, f.address)
	require.NoError(t, st.Create(t.Context(), "/same", nil, 0o600))
	require.Nil(t, changed.Load())
	require.NoError(t, st.Create(t.Context(), "/other", nil, 0o644))
	require.Equal(t, uint64(0o644), changed.Load())
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	for class, want := range map[string]struct {
		is   error
		code job.Code
	}{
		"java.io.FileNotFoundException":                                                          {fs.ErrNotExist, job.CodeNotFound},
		"org.apache.hadoop.fs.ParentNotDirectoryException":                                       {fs.ErrNotExist, job.CodeNotFound},
		"org.apache.hadoop.security.AccessControlException":                                      {fs.ErrPermission, job.CodeUnauthorized},
		"org.apache.hadoop.fs.FileAlreadyExistsException":                                        {fs.ErrExist, job.CodeConflict},
		"org.apache.hadoop.fs.InvalidPathException":                                              {nil, job.CodeInvalid},
		"org.apache.hadoop.HadoopIllegalArgumentException":                                       {nil, job.CodeInvalid},
		"org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException":         {nil, job.CodeInvalid},
		"org.apache.hadoop.ipc.StandbyException":                                                 {nil, job.CodeUnavailable},
		"org.apache.hadoop.ipc.RetriableException":                                               {nil, job.CodeUnavailable},
		"org.apache.hadoop.hdfs.server.namenode.SafeModeException":                               {nil, job.CodeUnavailable},
		"org.apache.hadoop.hdfs.protocol.DSQuotaExceededException":                               {nil, job.CodeUnavailable},
		"org.apache.hadoop.security.token.SecretManager$InvalidToken":                            {fs.ErrPermission, job.CodeUnauthorized},
		"java.io.IOException":                                                                    {nil, job.CodeUnavailable},
		"org.apache.hadoop.hdfs.UnknownCryptoProtocolVersionException":                           {errors.ErrUnsupported, job.CodeInvalid},
		"org.apache.hadoop.security.authorize.AuthorizationException":                            {fs.ErrPermission, job.CodeUnauthorized},
		"org.apache.hadoop.hdfs.server.namenode.some.future.Exception":                           {nil, job.CodeUnavailable},
		"org.apache.hadoop.fs.UnresolvedLinkException$org.apache.hadoop.UnresolvedPathException": {errors.ErrUnsupported, job.CodeInvalid},
	} {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.on["getFileInfo"] = func(request) (string, error) {
				return "", javaError{class, class + ": because of delegation=SECRET\n\tat org.apache.hadoop.Trace"}
			}
			_, err := storeOn(t, nil, f.address).Stat(t.Context(), "/x y")
			require.Equal(t, want.code, job.CodeOf(err), "%v", err)
			for _, sentinel := range []error{fs.ErrNotExist, fs.ErrPermission, fs.ErrExist} {
				require.Equal(t, want.is == sentinel, errors.Is(err, sentinel), "%v", err) //nolint:errorlint // the sentinel itself
			}
			require.ErrorContains(t, err, `stat "/x y"`)
			require.NotContains(t, err.Error(), "SECRET")
			require.NotContains(t, err.Error(), "Trace")
		})
	}
}

func TestStandby(t *testing.T) {
	t.Parallel()
	standby, active := newFake(t), newFake(t)
	standby.on["getFileInfo"] = func(request) (string, error) {
		return "", javaError{"org.apache.hadoop.ipc.StandbyException", "Operation category READ is not supported in state standby"}
	}
	st := storeOn(t, nil, standby.address, active.address)
	for range 5 {
		_, err := st.Stat(t.Context(), "/")
		require.NoError(t, err)
	}
	var all sync.WaitGroup
	for range 8 { // new connections too
		all.Go(func() { _, _ = st.Stat(t.Context(), "/") })
	}
	all.Wait()
	require.Equal(t, 1, standby.count("getFileInfo"), "who is active is remembered")
}

func TestSecondNameNodeWhenTheFirstIs(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"silent": silent(t), "dead": "127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			active := newFake(t)
			st := storeOn(t, func(o *Options) { o.Timeout = 4 * time.Second }, first, active.address)
			require.NoError(t, st.Create(t.Context(), "/x", nil, 0o600), "half the time is the second one's")
			st.pool.close() // no old connection helps
			begun := time.Now()
			_, err := st.Stat(t.Context(), "/x")
			require.NoError(t, err)
			require.Less(t, time.Since(begun), 2*time.Second, "and from then on it comes first")
		})
	}
}

func TestStaleConnection(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var calls atomic.Int32
	f.on["getFileInfo"] = func(request) (string, error) {
		if calls.Add(1) == 2 {
			return "", errHangUp
		}
		return goOn, nil
	}
	st := storeOn(t, nil, f.address)
	for range 2 {
		_, err := st.Stat(t.Context(), "/")
		require.NoError(t, err)
	}
	require.Equal(t, int32(3), calls.Load(), "the second call was repeated on a new connection")
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on["getFileInfo"] = func(request) (string, error) {
		time.Sleep(time.Millisecond)
		return goOn, nil
	}
	st := storeOn(t, func(o *Options) { o.Connections = 3 }, f.address)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := st.Stat(t.Context(), "/"); err != nil {
				t.Errorf("stat: %v", err)
			}
		})
	}
	all.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	require.LessOrEqual(t, f.most, 3)
	require.Equal(t, 50, f.calls["getFileInfo"])
}

// Copies from file to file, more at a time than there are connections, must not
// wait for each other.
func TestTransfersDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.put("/from", `fileType:IS_FILE length:0 permission{perm:420} owner:"o" group:"g" modification_time:0 access_time:0`)
	st := storeOn(t, func(o *Options) { o.Connections = 1 }, f.address)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var readers []io.ReadCloser
	for range 4 {
		r, err := st.Open(ctx, "/from")
		require.NoError(t, err)
		readers = append(readers, r)
	}
	var opened []io.Reader
	for _, r := range readers {
		opened = append(opened, r)
	}
	_, err := st.Write(ctx, "/to", io.MultiReader(append(opened, contentFunc(func() error {
		_, err := st.Stat(ctx, "/from") // while the write is under way
		return errors.Join(err, io.EOF)
	}))...), 0o644)
	require.NoError(t, err)
	for _, r := range readers {
		require.NoError(t, r.Close())
	}
}

type contentFunc func() error

func (f contentFunc) Read([]byte) (int, error) { return 0, f() }

func TestURLs(t *testing.T) {
	t.Parallel()
	st := storeOn(t, func(o *Options) { o.Authority = "nameservice1" }, "nn1:8020", "nn2:8020")
	require.Equal(t, "hdfs", st.Scheme())
	require.Equal(t, "hdfs://nameservice1/a b%20", st.URL("/a b%20"))
}

func TestOptions(t *testing.T) {
	t.Parallel()
	good := Options{Authority: "ns", NameNodes: []string{"nn:8020"}, User: "u"}
	_, err := New(good)
	require.NoError(t, err)
	for name, spoil := range map[string]func(o *Options){
		"authority": func(o *Options) { o.Authority = "" },
		"path":      func(o *Options) { o.Authority = "a/.." },
		"NameNode":  func(o *Options) { o.NameNodes = nil },
		"user":      func(o *Options) { o.User = "" },
		"timeout":   func(o *Options) { o.Timeout = -1 },
	} {
		o := good
		spoil(&o)
		_, err := New(o)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), name)
	}
}

func TestNamesThatHDFSHasNot(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	st := storeOn(t, nil, f.address)
	for _, p := range []string{"/a:b", "/a\xff", "/a\x00", "a", "/../a"} {
		_, err := st.Stat(t.Context(), p)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%q: %v", p, err)
		_, err = st.Write(t.Context(), p, bytes.NewReader(nil), 0o600)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), "%q: %v", p, err)
	}
	require.Zero(t, f.count("getFileInfo")+f.count("create"), "nobody was asked")
}
