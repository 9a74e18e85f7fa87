package modelmanage

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
)

const twoOutputs = `{"id":"j1","jobStatus":"RUNNING","outputData":[
	{"assetType":"EXTERNAL_FILE","filename":"x","fileUrl":"file:///x"},
	{"assetType":"FILE","filename":"o1"},{"assetType":"FILE","filename":"o2"}]}`

func content(t *testing.T, b *bundle, i int) any {
	t.Helper()
	list, ok := b.fake.doc["outputData"].([]any)
	require.True(t, ok)
	return dig(list[i], "fileContent")
}

// Content goes to the asset that it belongs to, wherever it stands by now.
func TestReorderedOutputsGetTheirOwnContent(t *testing.T) {
	t.Parallel()
	b := setup(t, twoOutputs)
	_, err := b.client.Report(t.Context(), "j1", Update{Status: StatusComplete, EndedAt: time.Unix(5, 0), Outputs: []Output{
		{Index: 0, FileName: "o1", Content: []byte("one")}, {Index: 1, FileName: "o2", Content: []byte("two")},
	}})
	require.NoError(t, err)
	require.Nil(t, content(t, b, 0))
	require.Equal(t, base64.StdEncoding.EncodeToString([]byte("one")), content(t, b, 1))
	require.Equal(t, base64.StdEncoding.EncodeToString([]byte("two")), content(t, b, 2))
}

func TestAnOutputThatIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, twoOutputs)
	_, err := b.client.Report(t.Context(), "j1", Update{Status: StatusComplete, Outputs: []Output{{Index: 1, FileName: "o3"}}})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.ErrorContains(t, err, "o3")
	require.Empty(t, b.fake.writes)
}

// A document that its store could not hold is not sent, over and over.
func TestADocumentThatWouldBeTooLarge(t *testing.T) {
	t.Parallel()
	b := setup(t, twoOutputs, func(c *Config) { c.MaxDocumentBytes = 1000 })
	u := Update{Status: StatusComplete, Outputs: []Output{{Index: 1, FileName: "o1", Content: make([]byte, 900)}}}
	_, err := b.client.Report(t.Context(), "j1", u)
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	require.ErrorContains(t, err, "more than the 1000 it may have")
	require.Empty(t, b.fake.writes)
	u.Outputs[0].Content = make([]byte, 90)
	_, err = b.client.Report(t.Context(), "j1", u)
	require.NoError(t, err)
}

// What was in an output before is no result of a job that failed.
func TestAFailedJobCarriesNoOutput(t *testing.T) {
	t.Parallel()
	for _, status := range []Status{StatusError, StatusCancelled} {
		b := setup(t, `{"id":"j1","jobStatus":"RUNNING","outputData":[{"assetType":"FILE","filename":"o","fileContent":"b2xk","fileSize":3}]}`)
		_, err := b.client.Report(t.Context(), "j1", Update{Status: status, EndedAt: time.Unix(5, 0)})
		require.NoError(t, err)
		require.Nil(t, content(t, b, 0))
	}
}
