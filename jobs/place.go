package jobs

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// place is where a job stands in lists, for ever: when its workflow's run started, to
// the millisecond, and its id.
type place struct {
	millis int64
	id     string
}

func (v View) place() place { return place{v.runAt.UnixMilli(), v.ID} }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.millis, q.millis), cmp.Compare(p.id, q.id))
}

func (p place) time() time.Time { return time.UnixMilli(p.millis).UTC() }

// cursor is the place as a caller may hand it back.
func (p place) cursor() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d/%s", p.millis, p.id))
}

func parseCursor(cursor string) (place, error) {
	data, err := base64.RawURLEncoding.DecodeString(cursor)
	millis, id, ok := strings.Cut(string(data), "/")
	n, parseErr := strconv.ParseInt(millis, 10, 64)
	if err != nil || parseErr != nil || !ok || n < 0 {
		return place{}, job.Invalid("the list cannot go on from there", []string{"cursor: is none that a list has returned"})
	}
	return place{n, id}, nil
}
