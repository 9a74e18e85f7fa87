package job

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestKeyName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for name, row := range map[string]struct {
		key  Key
		want string
	}{
		"plain":             {Key{Source: "model-manage", ID: "5f1b"}, "model-manage-5f1b"},
		"uuid":              {Key{Source: "model-manage", ID: "0c0e9f3e-7c38-4f2b-9c5e-0242ac120002"}, "model-manage-0c0e9f3e-7c38-4f2b-9c5e-0242ac120002"},
		"chosen by a front": {Key{Source: "api", ID: "livy-17"}, "api-livy-17"},
		"rerun":             {Key{Source: "model-manage", ID: "7", Rerun: 3}, "model-manage-7-r3"},
		"slash":             {Key{Source: "model-manage", ID: "a/b"}, "model-manage-a_b-7d7c032df329afd7"},
		"path":              {Key{Source: "model-manage", ID: "../../etc"}, "model-manage-.._.._etc-e18c46d3b3b66fcb"},
		"rerun of unsafe":   {Key{Source: "model-manage", ID: "a/b", Rerun: 1}, "model-manage-a_b-7d7c032df329afd7-r1"},
		"long":              {Key{Source: "model-manage", ID: long}, "model-manage-" + strings.Repeat("x", 117) + "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.HasSuffix(row.want, "-") {
				require.Regexp(t, "^"+row.want+"[0-9a-f]{16}$", row.key.Name())
			} else {
				require.Equal(t, row.want, row.key.Name())
			}
			require.Equal(t, "sparkjob-"+row.key.Name(), row.key.WorkflowID())
			require.Equal(t, row.key.Name(), row.key.String())
		})
	}
}

func TestKeyAttempt(t *testing.T) {
	t.Parallel()
	a := Key{Source: "model-manage", ID: "7"}.Attempt(2)
	require.Equal(t, Attempt{Job: "model-manage-7", WorkflowID: "sparkjob-model-manage-7", Number: 2}, a)
	require.Equal(t, "model-manage-7/2", a.String())
}

func TestKeyValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, Key{Source: "model-manage", ID: "1"}.Validate())
	require.NoError(t, Key{Source: "model-manage", ID: "1", Rerun: 4}.Validate())
	for _, k := range []Key{{}, {Source: "model-manage"}, {ID: "1"}, {Source: "model-manage", ID: "1", Rerun: -1}} {
		require.Equal(t, CodeInvalid, CodeOf(k.Validate()), "%+v", k)
	}
}

// Ids come from outside, and may be made to look like another job's re-run or
// like what another id is turned into.
func TestKeyNamesAreNotForged(t *testing.T) {
	t.Parallel()
	original := Key{Source: "model-manage", ID: "a/b"}
	forged := Key{Source: "model-manage", ID: strings.TrimPrefix(original.Name(), "model-manage-")}
	require.NotEqual(t, original.Name(), forged.Name())

	rerun := Key{Source: "model-manage", ID: "7", Rerun: 1}
	require.NotEqual(t, rerun.Name(), Key{Source: "model-manage", ID: "7-r1"}.Name())
	require.NotEqual(t, rerun.Name(), Key{Source: "model-manage", ID: "r1"}.Name())
}

var safeName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func requireSafe(t require.TestingT, k Key) {
	name := k.Name()
	require.Regexp(t, safeName, name)
	require.NotEqual(t, ".", name)
	require.NotEqual(t, "..", name)
	require.False(t, strings.HasPrefix(name, "."), "hidden: %s", name)
	require.LessOrEqual(t, len(name), maxNameLength+len(fmt.Sprintf("-r%d", k.Rerun)))
	require.LessOrEqual(t, len(k.WorkflowID()), 255)
}

// anyID draws ids of all kinds, among them ones that are close to each other.
func anyID() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[ab/._-]{0,4}(-r[0-9]{1,2}|-[0-9a-f]{16})?`),
		rapid.StringN(100, 300, 400),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}

func anyKey() *rapid.Generator[Key] {
	return rapid.Custom(func(t *rapid.T) Key {
		return Key{
			Source: rapid.SampledFrom([]string{SourceModelManage, "api"}).Draw(t, "source"),
			ID:     anyID().Draw(t, "id"),
			Rerun:  rapid.IntRange(0, 12).Draw(t, "rerun"),
		}
	})
}

func TestKeyNamesAreSafeAndDistinct(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyKey().Draw(t, "a")
		requireSafe(t, a)
		b := anyKey().Draw(t, "b")
		if rapid.Bool().Draw(t, "related") { // the id that a's name would be
			b = Key{Source: a.Source, ID: strings.TrimPrefix(a.Name(), a.Source+"-")}
		}
		require.Equal(t, a == b, a.Name() == b.Name(), "%q and %q are called %q and %q", a, b, a.Name(), b.Name())
	})
}

// A name tells its key, unless the id could not stand in it.
func TestParseName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := anyKey().Draw(t, "key")
		parsed, ok := ParseName(k.Name())
		if plain := (Key{Source: k.Source, ID: k.ID}).Name() == k.Source+"-"+k.ID; plain {
			require.True(t, ok, k.Name())
			require.Equal(t, k, parsed)
		} else {
			require.False(t, ok && parsed != k, "%q was taken for %+v", k.Name(), parsed)
		}
	})
	for _, name := range []string{"", "api", "other-7", "model-manage", "api-x-r0", "api-x-r1234567890"} {
		_, ok := ParseName(name)
		require.False(t, ok, name)
	}
}

func FuzzKeyName(f *testing.F) {
	for _, id := range []string{"7", "..", "../..", "a/b", "\x00", "\xff\xfe", "7-r1", "x-0123456789abcdef", strings.Repeat("é", 90)} {
		f.Add(id, 0)
	}
	f.Fuzz(func(t *testing.T, id string, rerun int) {
		if rerun < 0 {
			t.Skip()
		}
		k := Key{Source: SourceModelManage, ID: id, Rerun: rerun}
		requireSafe(t, k)
		other := Key{Source: SourceModelManage, ID: strings.TrimPrefix(k.Name(), SourceModelManage+"-")}
		require.Equal(t, k == other, k.Name() == other.Name())
	})
}
