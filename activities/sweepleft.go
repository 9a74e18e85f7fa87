package activities

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

// remains is an attempt whose directory holds more than markers.
type remains struct {
	attempt     job.Attempt
	application string
	since       time.Time
}

// lookers is how many job directories are looked into at a time.
const lookers = 16

// left lists the attempts of this installation that were not cleaned, and which
// attempts anybody has reserved.
func left(ctx context.Context, cluster Cluster) (found []remains, reserved map[job.Attempt]bool, err error) {
	attempts, err := attemptDirs(ctx, cluster)
	if err != nil {
		return nil, nil, err
	}
	looks := make([]*remains, len(attempts))
	taken := make([]bool, len(attempts))
	group, looking := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	for i, attempt := range attempts {
		group.Go(func() error {
			reservation, err := readReservation(looking, cluster, attempt)
			if err != nil || reservation == nil {
				return err
			}
			taken[i] = true
			if reservation.Installation != cluster.Installation {
				return nil
			}
			clean, err := onlyMarkers(looking, cluster, attempt)
			if err == nil && !clean {
				looks[i] = &remains{attempt, reservation.Application, reservation.CreatedAt}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	reserved = map[job.Attempt]bool{}
	for i, attempt := range attempts {
		reserved[attempt] = taken[i]
		if looks[i] != nil {
			found = append(found, *looks[i])
		}
	}
	return found, reserved, nil
}

// attemptDirs lists all attempts that have a directory.
func attemptDirs(ctx context.Context, cluster Cluster) ([]job.Attempt, error) {
	st := cluster.Stores.Default
	jobs, err := listDirs(ctx, st, cluster.Root)
	if err != nil {
		return nil, err
	}
	lists := make([][]job.Attempt, len(jobs))
	group, listing := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	for i, name := range jobs {
		group.Go(func() error {
			numbers, err := listDirs(listing, st, path.Join(cluster.Root, name))
			for _, number := range numbers {
				n, notOne := strconv.Atoi(number)
				attempt := job.AttemptOf(name, n)
				if notOne == nil && attempt.Validate() == nil { // else it is nobody's
					lists[i] = append(lists[i], attempt)
				}
			}
			return err
		})
	}
	err = group.Wait()
	return slices.Concat(lists...), err
}

func listDirs(ctx context.Context, st store.Store, dir string) ([]string, error) {
	entries, err := st.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("list "+dir, err)
	}
	var names []string
	for _, e := range entries {
		if name := path.Base(e.Path); e.Dir && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names, nil
}

func readReservation(ctx context.Context, cluster Cluster, attempt job.Attempt) (*spark.Reservation, error) {
	name := path.Join(spark.JobDir(cluster.Root, attempt), spark.FileReservation)
	data, err := readAtMost(ctx, cluster.Stores.Default, name, maxReservation)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("read "+name, err)
	}
	var reservation spark.Reservation
	if json.Unmarshal(data, &reservation) != nil {
		return nil, nil // nobody's: it is left alone
	}
	return &reservation, nil
}

// onlyMarkers reports whether an attempt was cleaned.
func onlyMarkers(ctx context.Context, cluster Cluster, attempt job.Attempt) (bool, error) {
	entries, err := cluster.Stores.Default.List(ctx, spark.JobDir(cluster.Root, attempt))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, storeError("list the files of "+attempt.String(), err)
	}
	isMarker := spark.IsMarker
	if m, ok := cluster.Manager.(spark.Marker); ok {
		isMarker = m.IsMarker
	}
	for _, e := range entries {
		if e.Dir || !isMarker(path.Base(e.Path)) {
			return false, nil
		}
	}
	// An attempt that was reserved and no more has nothing else either.
	return slices.ContainsFunc(entries, func(e store.Info) bool {
		name := path.Base(e.Path)
		return name == spark.FileReleased || name == spark.FileRevoked
	}), nil
}
