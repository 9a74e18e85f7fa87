package job

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHead(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		s    string
		max  int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "lo…"},
		{"äöü", 5, "ä…"}, // the second character would be cut in two
		{"longer", 3, "…"},
		{"longer", 2, ""},
		{"longer", 0, ""},
		{"longer", -1, ""},
		{"", 0, ""},
		{"a\xffb", 10, "a\uFFFDb"},
	} {
		require.Equal(t, row.want, Head(row.s, row.max), "Head(%q, %d)", row.s, row.max)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		s    string
		max  int
		want string
	}{
		{"short", 5, "short"},
		{"0123456789", 8, "…\n6789"},
		{"first line\nsecond\nthird line", 20, "…\nthird line"},
		{"one\nlast line is long", 20, "…\nast line is long"}, // no line begins in time
		{"xxxxxäöü", 7, "…\nü"},
		{"longer", 4, "…\n"},
		{"longer", 3, ""},
		{"longer", 0, ""},
		{"longer", -1, ""},
	} {
		require.Equal(t, row.want, Tail(row.s, row.max), "Tail(%q, %d)", row.s, row.max)
	}
}

func requireBounded(t require.TestingT, s string, limit int) {
	clean := strings.ToValidUTF8(s, "\uFFFD")
	for name, got := range map[string]string{"head": Head(s, limit), "tail": Tail(s, limit)} {
		require.True(t, utf8.ValidString(got), "%s of %q: %q", name, s, got)
		require.LessOrEqual(t, len(got), max(limit, 0), "%s of %q: %q", name, s, got)
		if len(clean) <= limit {
			require.Equal(t, clean, got, name)
		}
	}
	if kept, cut := strings.CutSuffix(Head(s, limit), "…"); cut && len(clean) > limit {
		require.True(t, strings.HasPrefix(clean, kept))
	}
	if kept, cut := strings.CutPrefix(Tail(s, limit), "…\n"); cut && len(clean) > limit {
		require.True(t, strings.HasSuffix(clean, kept))
	}
}

func TestTextIsBoundedAndValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		requireBounded(t, s, rapid.IntRange(-2, 40).Draw(t, "max"))
	})
}

// Nothing is cut away that had room: at most one character and a mark.
func TestHeadUsesItsRoom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringN(20, 100, -1).Draw(t, "s")
		limit := rapid.IntRange(8, 19).Draw(t, "max")
		require.Greater(t, len(Head(s, limit)), limit-utf8.UTFMax)
	})
}

// The parts of an observation fit into a failure together: the server cuts one
// at 4 KiB.
func TestLimitsFitAFailure(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, MaxRaw+MaxWord+MaxMessage+MaxTraceback, 4<<10)
}

func FuzzText(f *testing.F) {
	f.Add("plain", 3)
	f.Add("a\xffb\n\xe2\x80", 4)
	f.Add("line\nline\nline", 7)
	f.Fuzz(func(t *testing.T, s string, limit int) { requireBounded(t, s, limit) })
}
