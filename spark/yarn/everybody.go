package yarn

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/store"
)

const (
	othersRead  fs.FileMode = 0o004
	othersEnter fs.FileMode = 0o001
	// enteredAge is how long is believed what was found of a directory. One that is
	// closed meanwhile makes NodeManagers refuse what is in it: an infrastructure
	// failure, before user code begins.
	enteredAge = time.Minute
	// mostEntered bounds the memory; who has more directories starts anew.
	mostEntered = 1000
)

// everybody knows what all users may read. NodeManagers keep one copy of such a
// file for all of them, and one per user of any other. They look again and refuse
// a file that is not everybody's after all; to take one for private is always safe.
//
// Source: org.apache.spark.deploy.yarn.ClientDistributedCacheManager.isPublic of
// Spark 3.5: others may read the file, and enter all directories above it.
type everybody struct {
	store store.Store

	mu      sync.Mutex
	entered map[string]entered
}

type entered struct {
	may   bool
	until time.Time
}

// mayRead asks the store only for directories that it doesn't know.
func (e *everybody) mayRead(ctx context.Context, file store.Info) (bool, error) {
	if file.Mode&othersRead == 0 {
		return false, nil
	}
	return e.mayEnter(ctx, path.Dir(file.Path))
}

// mayEnter looks at the root first: the upper directories are those of many files.
func (e *everybody) mayEnter(ctx context.Context, dir string) (bool, error) {
	if may, known := e.recall(dir); known {
		return may, nil
	}
	if dir != "/" {
		if may, err := e.mayEnter(ctx, path.Dir(dir)); err != nil || !may {
			return false, err
		}
	}
	info, err := e.store.Stat(ctx, dir)
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", dir, err)
	}
	may := info.Mode&othersEnter != 0
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.entered == nil || len(e.entered) >= mostEntered {
		e.entered = map[string]entered{}
	}
	e.entered[dir] = entered{may: may, until: time.Now().Add(enteredAge)}
	return may, nil
}

func (e *everybody) recall(dir string) (may, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	found, ok := e.entered[dir]
	return found.may, ok && time.Now().Before(found.until)
}
