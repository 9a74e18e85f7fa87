package storetest

import (
	"fmt"
	"io"
	"strings"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// name makes names that every store has: HDFS allows no ':', nobody '/' and NUL.
// Characters that some encoding on the way gives a meaning to are frequent.
func name() *rapid.Generator[string] {
	special := rapid.SampledFrom([]rune(" %+#?&=;,'\"`\\~!@$^*()[]{}<>|.-_2Ff0\t\n\r\x01\x7f\u00a0éß日\U0001F600\u0301\u202e\ufeff"))
	character := rapid.OneOf(special, rapid.Rune().Filter(func(r rune) bool {
		return r != '/' && r != ':' && r != 0 && (r < 0xd800 || r > 0xdfff)
	}))
	return rapid.StringOfN(character, 1, 40, 160).Filter(func(s string) bool { return s != "" && s != "." && s != ".." })
}

func randomNames(b *bundle) {
	round := 0
	rapid.Check(b.t, func(t *rapid.T) {
		round++
		top := b.at(fmt.Sprintf("round%d", round))
		dir, file := name().Draw(t, "dir"), name().Draw(t, "file")
		content := ""
		if rapid.IntRange(0, 9).Draw(t, "filled") == 0 { // which takes some stores long
			content = dir + file
		}
		path := top + "/" + dir + "/" + file
		_, err := b.st.Write(b.ctx, path, strings.NewReader(content), 0o644)
		require.NoError(t, err)

		info, err := b.st.Stat(b.ctx, path)
		require.NoError(t, err)
		require.Equal(t, path, info.Path)
		require.Equal(t, int64(len(content)), info.Size)
		for parent, child := range map[string]string{top: dir, top + "/" + dir: file} {
			infos, err := b.st.List(b.ctx, parent)
			require.NoError(t, err)
			require.Len(t, infos, 1)
			require.Equal(t, parent+"/"+child, infos[0].Path)
		}
		r, err := b.st.Open(b.ctx, path)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, content, string(got))

		require.NoError(t, b.st.RemoveAll(b.ctx, top))
	})
}
