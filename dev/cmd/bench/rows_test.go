package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRowsOfOtherPartsStay(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "rows.json")
	for _, rows := range [][]row{
		{{Name: "a", Value: 1}, {Name: "b", Value: 2}},
		{{Name: "b", Value: 3}, {Name: "c", Value: 4}},
	} {
		require.NoError(t, (&bench{rows: rows}).write(name))
	}
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	var got []row
	require.NoError(t, json.Unmarshal(data, &got))
	require.Equal(t, []row{{Name: "a", Value: 1}, {Name: "b", Value: 3}, {Name: "c", Value: 4}}, got)

	require.NoError(t, os.WriteFile(name, []byte("rubbish"), 0o600))
	require.Error(t, (&bench{}).write(name), "what cannot be read is not overwritten")
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	samples := []float64{5, 1, 4, 2, 3}
	require.InDelta(t, 3, quantile(samples, 0.5), 0)
	require.InDelta(t, 5, quantile(samples, 0.99), 0)
	require.InDelta(t, 1, quantile(samples, 0), 0)
	require.InDelta(t, 5, quantile(samples, 1), 0)
}
