package workflows

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// Cadence of the backstop timer, which finds every change even if no hint ever
// comes.
const (
	pendingFirst       = 2 * time.Second
	pendingMost        = 30 * time.Second
	pendingWatched     = 30 * time.Second
	pendingWatchedMost = 2 * time.Minute
	runningFirst       = 15 * time.Second
	runningWatched     = 2 * time.Minute
	runningMost        = 5 * time.Minute
	// runningWatchedMost bounds what the many long jobs of a watched cluster cost:
	// a look is an activity, and nearly all looks find nothing.
	runningWatchedMost = 15 * time.Minute
	absentFirst        = 2 * time.Second
	outageFirst        = 5 * time.Second
	outageMost         = time.Minute
	busyFirst          = 5 * time.Second
	busyMost           = 30 * time.Second
	// heldMost is for a drain, which may last for days; its end comes with a hint.
	heldMost = 5 * time.Minute
)

// backstop is the time to wait before looking again: it doubles with each look
// that found the same state. While hints come it begins slower.
func backstop(state job.State, sameLooks int, watched bool) time.Duration {
	switch {
	case state == job.StateAbsent:
		return doubled(absentFirst, pendingMost, sameLooks)
	case state == job.StateRunning && watched:
		return doubled(runningWatched, runningWatchedMost, sameLooks)
	case state == job.StateRunning:
		return doubled(runningFirst, runningMost, sameLooks)
	case watched:
		return doubled(pendingWatched, pendingWatchedMost, sameLooks)
	}
	return doubled(pendingFirst, pendingMost, sameLooks)
}

func doubled(first, most time.Duration, times int) time.Duration {
	d := first
	for range times {
		if d >= most {
			return most
		}
		d *= 2
	}
	return min(d, most)
}

// jittered spreads d by ±10 %, by a hash of the job and the turn instead of a
// random number, so that a replay waits as long as the first run did.
func jittered(d time.Duration, name string, turn int) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name + "/" + strconv.Itoa(turn))) // never fails, by hash.Hash
	permille := int64(h.Sum32()%201) - 100
	return d + time.Duration(int64(d)/1000*permille)
}
