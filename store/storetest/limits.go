package storetest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

// longestName of a file in bytes, of HDFS by default and of Linux' file systems.
const longestName = 255

// longNames proves that a name may be as long as the store allows, in spite of the
// longer temporary one, and that a longer one is the caller's fault.
func longNames(b *bundle) {
	names := []string{
		strings.Repeat("n", longestName),
		strings.Repeat("é", longestName/2),
		strings.Repeat("日", longestName/3),
		strings.Repeat("\U0001F600", longestName/4),
		strings.Repeat(" ", longestName),
		strings.Repeat("%+#", longestName/3),
	}
	for _, name := range names {
		b.write("d/"+name, "written")
		require.Equal(b.t, "written", b.read("d/"+name))
		require.NoError(b.t, b.st.Create(b.ctx, b.at(name+"/"+name), []byte("created"), 0o600))
		require.Equal(b.t, []string{name + "/" + name}, b.list(name))
	}
	require.Len(b.t, b.list("d"), len(names))

	long := strings.Repeat("n", longestName+1)
	_, err := b.st.Write(b.ctx, b.at(long), strings.NewReader("x"), 0o644)
	require.Equal(b.t, job.CodeInvalid, job.CodeOf(err), "%v", err)
	require.Equal(b.t, job.CodeInvalid, job.CodeOf(b.st.Create(b.ctx, b.at(long), nil, 0o644)))
	require.Equal(b.t, job.CodeInvalid, job.CodeOf(b.st.MkdirAll(b.ctx, b.at(long+"/below"), 0o755)))

	deep := strings.Repeat("deep down there/", 120) + "file"
	b.write(deep, "x")
	require.Equal(b.t, "x", b.read(deep))
	require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("deep down there")))
}

// manyEntries is a directory larger than what servers tell of at once.
func manyEntries(b *bundle) {
	count := 10000
	if testing.Short() {
		count = 2100
	}
	name := func(i int) string { return fmt.Sprintf("many/%05d é", i) }
	require.NoError(b.t, b.st.MkdirAll(b.ctx, b.at("many"), 0o755))
	var all sync.WaitGroup
	const makers = 8
	for maker := range makers {
		all.Go(func() {
			for i := maker; i < count; i += makers {
				if err := b.st.MkdirAll(b.ctx, b.at(name(i)), 0o755); err != nil {
					b.t.Errorf("make directory: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
	infos, err := b.st.List(b.ctx, b.at("many"))
	require.NoError(b.t, err)
	require.Len(b.t, infos, count)
	for i, info := range infos {
		require.Equal(b.t, b.at(name(i)), info.Path)
		require.True(b.t, info.Dir)
	}
	found, err := b.st.Glob(b.ctx, b.at("many/*7 é"))
	require.NoError(b.t, err)
	require.Len(b.t, found, count/10)
	require.NoError(b.t, b.st.RemoveAll(b.ctx, b.at("many")))
}

// pieces reads in pieces of all sizes, below and above those in which stores fetch,
// by several readers of one file, and stops in the middle.
func pieces(b *bundle) {
	const size = 700_001
	want, err := io.ReadAll(&pattern{size: size})
	require.NoError(b.t, err)
	_, err = b.st.Write(b.ctx, b.at("file"), bytes.NewReader(want), 0o644)
	require.NoError(b.t, err)
	var all sync.WaitGroup
	for _, piece := range []int{1, 511, 512, 513, 4096, 65535, 65536, 65537, 131072, size, 2 * size} {
		all.Go(func() {
			end := size
			if piece == 1 || piece == 4096 {
				end = 150_000 // and no more
			}
			r, err := b.st.Open(b.ctx, b.at("file"))
			if err != nil {
				b.t.Errorf("open: %v", err)
				return
			}
			buffer := make([]byte, piece)
			for at := 0; at < end; {
				n, err := r.Read(buffer)
				if !bytes.Equal(want[at:at+n], buffer[:n]) || n == 0 || err != nil && at+n < size {
					b.t.Errorf("pieces of %d: %d bytes at %d, %v", piece, n, at, err)
					break
				}
				at += n
			}
			if err := r.Close(); err != nil {
				b.t.Errorf("close: %v", err)
			}
		})
	}
	all.Wait()
}
