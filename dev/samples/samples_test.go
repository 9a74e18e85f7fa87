package samples_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/dev/samples"
)

func TestNamed(t *testing.T) {
	all := []samples.Sample{{Name: "scoring, a"}, {Name: "scoring, b"}, {Name: "metrics"}}
	for _, c := range []struct {
		parts []string
		want  []samples.Sample
	}{
		{nil, all},
		{[]string{"b"}, all[1:2]},
		{[]string{"metrics", "scoring"}, all},
	} {
		got, err := samples.Named(all, c.parts)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	_, err := samples.Named(all, []string{"b", "nothing"})
	require.EqualError(t, err, `no sample has "nothing" in its name; there are ["scoring, a" "scoring, b" "metrics"]`)
	require.Len(t, all, 3)
}
