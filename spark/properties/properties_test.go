package properties_test

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/stoker-spark/stoker/spark/properties"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	got, err := properties.Defaults([]byte("# comment\nspark.a  x y \nspark.b=\\u00fc\nspark.c : tab\\tend\\n \nspark.a z\nother 1\nspark.d\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"spark.a": "z", "spark.b": "ü", "spark.c": "tab\tend\n", "spark.d": "", "other": "1"}, got)
	_, err = properties.Defaults([]byte(`spark.a \u00g0`))
	require.EqualError(t, err, `value of "spark.a": has a broken \u escape`)
}

func TestWrite(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"plain":      `k=plain`,
		"":           `k=`,
		" a b ":      `k=\ a b `,
		"a=b:c#d!e":  `k=a\=b\:c\#d\!e`,
		`c:\dir`:     `k=c\:\\dir`,
		"l\nm\rn\tf": `k=l\nm\rn\tf`,
		"é😀":         `k=é😀`,
	} {
		require.Equal(t, "#t\n"+want+"\n", string(properties.Write("t", map[string]string{"k": value})), "%q", value)
	}
	require.Equal(t, "#t\na\\ key\\==1\nb=2\n", string(properties.Write("t", map[string]string{"b": "2", "a key=": "1"})))
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOfN(rapid.StringN(1, -1, 100), rapid.String(), 0, 5).Draw(t, "values")
		got, err := properties.Read(properties.Write("t", values))
		require.NoError(t, err)
		require.Equal(t, values, got)
	})
}

func FuzzWrite(f *testing.F) {
	f.Add("key", "value")
	f.Add(" #k", "\\\n!")
	f.Fuzz(func(t *testing.T, key, value string) {
		if !utf8.ValidString(key) || !utf8.ValidString(value) || key == "" {
			return
		}
		got, err := properties.Read(properties.Write("t", map[string]string{key: value}))
		require.NoError(t, err)
		require.Equal(t, map[string]string{key: value}, got)
	})
}
