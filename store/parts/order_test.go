package parts

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPartOrder(t *testing.T) {
	t.Parallel()
	want := []string{
		"part-00000", "part-00000-aa-c000.csv", "part-00000.csv",
		"part-1", "part-01", "part-00001-u.c000.csv", "part-00001-u.c999.csv", "part-00001-u.c1000.csv", "part-00001-u_00003.c000.csv",
		"part-m-00002", "part-00009", "part-00010", "part-99999", "part-100000",
		"part-99999999999999999999998", "part-99999999999999999999999",
		"A.csv", "data10.csv", "data2.csv", "part", "part-", "part-x", "z",
	}
	// Of numbers that are equal, and nothing else to tell, the bytes decide.
	slices.SortFunc(want[3:5], compareBytes)
	rapid.Check(t, func(t *rapid.T) {
		got := rapid.Permutation(want).Draw(t, "names")
		slices.SortFunc(got, comparePartNames)
		require.Equal(t, want, got)
	})
}

func compareBytes(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func TestPartOrderIsAnOrder(t *testing.T) {
	t.Parallel()
	name := rapid.OneOf(
		rapid.StringMatching(`part-(m-|r-)?0{0,3}[0-9]{0,3}(-[ab]{0,2})?(\.c[0-9]{0,4})?(\.csv)?`),
		rapid.StringMatching(`[a-p.0-9-]{1,6}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")
		require.Equal(t, -comparePartNames(b, a), comparePartNames(a, b))
		require.Equal(t, a == b, comparePartNames(a, b) == 0)
		if comparePartNames(a, b) < 0 && comparePartNames(b, c) < 0 {
			require.Negative(t, comparePartNames(a, c))
		}
	})
}

func TestPartOrderIsNumeric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i, j := rapid.IntRange(0, 200_000).Draw(t, "i"), rapid.IntRange(0, 200_000).Draw(t, "j")
		a, b := fmt.Sprintf("part-%05d-u-c000.csv", i), fmt.Sprintf("part-%05d-u-c000.csv", j)
		require.Equal(t, i < j, comparePartNames(a, b) < 0)
	})
}
