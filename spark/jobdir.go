package spark

import (
	"path"
	"strconv"

	"github.com/stoker-spark/stoker/job"
)

// JobDir is the directory of one attempt: "<root>/<jobId>/<attempt>". It holds
// the markers of the launch protocol and, until Release, everything the
// attempt reads and writes. JobDir makes no directory.
func JobDir(root string, attempt job.Attempt) string {
	return path.Join(root, attempt.Job, strconv.Itoa(attempt.Number))
}

// markers are the files that Release leaves: they keep the promise of one
// application per attempt after everything else is gone.
var markers = []string{FileReservation, FileIntent, FileAcknowledged, FileRevoked, FileStarted, FileReleased}

// IsMarker reports whether a file name in a job directory is a marker of the
// launch protocol.
func IsMarker(name string) bool {
	for _, m := range markers {
		if name == m {
			return true
		}
	}
	return false
}
