package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Swept is what the last sweep of a cluster found.
type Swept struct {
	// At is when it ended; zero if there was none.
	At time.Time
	// Error is why it could not be done, "" if it was.
	Error string
	// Unknown are attempts that Temporal does not know, Failed those that could not be
	// ended or cleaned, Done how many were.
	Unknown, Failed []string
	Done            int
}

// lateSweep is how old the last sweep may be, in intervals.
const lateSweep = 3

// OfSweep is the check of a cluster's sweeps. Interval is how often they are to be, 0 for
// by hand alone.
func OfSweep(cluster string, interval time.Duration, last func(ctx context.Context) (Swept, error)) []Check {
	return []Check{{Group: "Temporal", Name: "sweep of " + cluster, Needs: "namespace", Run: func(ctx context.Context) Finding {
		s, err := last(ctx)
		age := time.Since(s.At).Round(time.Second)
		switch {
		case err != nil:
			return fail("see the server's log", "cannot be looked up: %v", err)
		case s.At.IsZero() && interval > 0:
			return warn("start a worker with role io for it", "none has ended yet")
		case s.At.IsZero():
			return warn("stoker admin sweep", "none was run, and none is scheduled (sweep.interval)")
		case s.Error != "":
			return fail("as it says", "%s ago it was refused or failed: %s", age, s.Error)
		case len(s.Failed) > 0:
			return warn("see the workflow sweep-"+cluster, "%s ago %d could not be ended or cleaned: %s", age, len(s.Failed), some(s.Failed))
		case len(s.Unknown) > 0:
			return warn("if a database was lost: stoker admin reconcile; if they are nobody's: stoker admin sweep --include-unknown",
				"%s ago %d were not known to Temporal: %s", age, len(s.Unknown), some(s.Unknown))
		case interval > 0 && age > lateSweep*interval:
			return warn("start a worker with role io for it", "the last was %s ago", age)
		}
		return ok("%s ago, %d ended or cleaned, nothing left", age, s.Done)
	}}}
}

// some shows the first of a list.
func some(list []string) string {
	const most = 3
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
}
