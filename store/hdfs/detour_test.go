package hdfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/storetest"
)

// web counts what it is asked to do instead of RPC.
type web struct {
	store.Store
	opened, written, stats atomic.Int32
	content                atomic.Value
}

func (w *web) Open(context.Context, string) (io.ReadCloser, error) {
	w.opened.Add(1)
	return io.NopCloser(strings.NewReader("by WebHDFS")), nil
}

func (w *web) Stat(context.Context, string) (store.Info, error) {
	w.stats.Add(1)
	return store.Info{}, nil
}

func (w *web) Write(_ context.Context, _ string, content io.Reader, _ fs.FileMode) (int64, error) {
	w.written.Add(1)
	b, err := io.ReadAll(content)
	w.content.Store(string(b))
	return int64(len(b)), err
}

func (w *web) Create(context.Context, string, []byte, fs.FileMode) error {
	w.written.Add(1)
	return nil
}

const (
	erasureCoded = `ecPolicy{id:1 name:"RS-6-3-1024k" schema{codecName:"rs" dataUnits:6 parityUnits:3} cellSize:1048576}`
	replicated   = `ecPolicy{id:0 name:"replication" schema{codecName:"r" dataUnits:1 parityUnits:0} cellSize:1}`
	encrypted    = `fileEncryptionInfo{suite:AES_CTR_NOPADDING cryptoProtocolVersion:ENCRYPTION_ZONES key:"" iv:"" keyName:"k" ezKeyVersionName:"v"}`
	aFile        = `fileType:IS_FILE length:0 permission{perm:420} owner:"o" group:"g" modification_time:0 access_time:0 fileId:7 `
)

func TestReadingDetours(t *testing.T) {
	t.Parallel()
	for name, mark := range map[string]string{"erasure-coded": erasureCoded, "encrypted": encrypted} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, w := newFake(t), &web{}
			f.put("/data/special", aFile+mark)
			f.put("/data/plain", aFile+replicated)
			f.put("/data/below/plain", aFile)
			st := storeOn(t, func(o *Options) { o.WebHDFS = w }, f.address)
			read := func(p string) string {
				r, err := st.Open(t.Context(), p)
				require.NoError(t, err)
				content, err := io.ReadAll(r)
				require.NoError(t, err)
				require.NoError(t, r.Close())
				return string(content)
			}
			require.Empty(t, read("/data/plain"))
			require.Equal(t, "by WebHDFS", read("/data/special"))
			asked := f.count("getFileInfo")
			require.Equal(t, "by WebHDFS", read("/data/special"))
			require.Equal(t, "by WebHDFS", read("/data/plain"), "what lies beside it is not tried by RPC again")
			require.Equal(t, asked, f.count("getFileInfo"))
			require.Empty(t, read("/data/below/plain"))

			_, err := st.Stat(t.Context(), "/data/special")
			require.NoError(t, err)
			require.Zero(t, w.stats.Load(), "RPC can do that")
			_, err = st.Write(t.Context(), "/data/new", strings.NewReader(""), 0o600)
			require.NoError(t, err)
			require.Zero(t, w.written.Load(), "and that")
		})
	}
}

func TestWritingDetours(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func(f *fakeNameNode) func(r request) (string, error){
		"erasure-coded": func(f *fakeNameNode) func(r request) (string, error) {
			return func(r request) (string, error) {
				f.put(r.text("src"), aFile+erasureCoded)
				return `fs{path:"" ` + directory + `}`, nil
			}
		},
		"encrypted": func(*fakeNameNode) func(r request) (string, error) {
			return func(request) (string, error) {
				return "", javaError{"org.apache.hadoop.hdfs.UnknownCryptoProtocolVersionException", "No crypto protocol versions provided by the client"}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, w := newFake(t), &web{}
			f.on["create"] = create(f)
			st := storeOn(t, func(o *Options) { o.WebHDFS = w }, f.address)
			n, err := st.Write(t.Context(), "/zone/x", strings.NewReader("all of it"), 0o600)
			require.NoError(t, err)
			require.Equal(t, int64(9), n)
			require.Equal(t, "all of it", w.content.Load())
			require.Equal(t, []string{"/"}, f.names(), "nothing temporary is left")
			tried := f.count("create")
			_, err = st.Write(t.Context(), "/zone/below/y", strings.NewReader(""), 0o600)
			require.NoError(t, err)
			require.NoError(t, st.Create(t.Context(), "/zone/z", nil, 0o600))
			require.Equal(t, int32(3), w.written.Load())
			require.Equal(t, tried, f.count("create"), "RPC is not tried again")
		})
	}
}

func TestNoDetourWithoutWebHDFS(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.put("/x", aFile+erasureCoded)
	_, err := storeOn(t, nil, f.address).Open(t.Context(), "/x")
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.ErrorContains(t, err, "needs WebHDFS")
}

// A store that can't be asked is no reason to ask another.
func TestNoDetourForFaults(t *testing.T) {
	t.Parallel()
	w := &web{}
	st := storeOn(t, func(o *Options) { o.WebHDFS = w }, "127.0.0.1:1")
	_, err := st.Open(t.Context(), "/x")
	storetest.Unavailable(t, err)
	require.Zero(t, w.opened.Load())
}

// lacking is RPC that supports nothing.
type lacking struct{ backend }

func (lacking) Stat(context.Context, string) (store.Info, error) {
	return store.Info{}, errors.ErrUnsupported
}

func TestDetourForWhateverIsUnsupported(t *testing.T) {
	t.Parallel()
	w := &web{}
	st := storeOn(t, func(o *Options) { o.WebHDFS = w }, "127.0.0.1:1")
	st.direct = lacking{}
	for range 2 {
		_, err := st.Stat(t.Context(), "/x")
		require.NoError(t, err)
	}
	require.Equal(t, int32(2), w.stats.Load())
}

func TestDetoursAreBounded(t *testing.T) {
	t.Parallel()
	d := &detours{below: true}
	require.False(t, d.lead("/a/b"))
	require.True(t, d.remember("/a/b"))
	require.False(t, d.remember("/a/c"))
	require.True(t, d.lead("/a/x/y/z"))
	require.False(t, d.lead("/ab/x"))
	for i := range mostDetours + 10 {
		d.remember("/" + strings.Repeat("x", i+1) + "/y")
	}
	require.LessOrEqual(t, len(d.until), mostDetours)
	d.until["/old"] = d.until["/old"].Add(-detourTime)
	require.False(t, d.lead("/old/x"), "it has lapsed")
}
