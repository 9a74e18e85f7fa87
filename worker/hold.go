package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"github.com/stoker-spark/stoker/spark/local"
)

// Hold is a point at which a worker blocks, so that fault tests can strike
// exactly there. The zero Hold blocks nowhere.
type Hold struct {
	// Point is "<step>:before" or "<step>:after", one inside a launch, or
	// "supervisor:<point>": there the supervisors of a local cluster block, on
	// files of their own in the job directories.
	Point string
	// File is created when the point is reached; it then holds the point's name.
	File string
}

// holdSteps maps an activity to its step.
var holdSteps = map[string]string{
	"Load": "load", "Reserve": "reserve", "Stage": "stage", "Submit": "submit", "Observe": "watch",
	"Kill": "kill", "Collect": "collect", "ReportEnd": "report", "Clean": "clean",
}

// holdInside are the points inside a launch.
var holdInside = []string{"intent:after", "launch:after"}

// holdSupervisor is the step of the points that supervisors hold at.
const holdSupervisor = "supervisor"

// ParseHold reads a point; "" is none.
func ParseHold(point, file string) (Hold, error) {
	if point == "" {
		return Hold{}, nil
	}
	step, when, given := strings.Cut(point, ":")
	if !given {
		when = "before"
	}
	named := step + ":" + when
	known := slices.Contains(holdInside, named) || step == holdSupervisor && slices.Contains(local.HoldPoints(), when)
	for _, s := range holdSteps {
		known = known || (s == step && (when == "before" || when == "after"))
	}
	if !known {
		return Hold{}, fmt.Errorf("--hold %s: no such point; use load, reserve, stage, submit, watch, kill, collect, report or clean with :before or :after, or intent:after, launch:after", point)
	}
	return Hold{Point: named, File: file}, nil
}

// supervisor is the command line of supervisors that hold, if they are to.
func (h Hold) supervisor(command []string) ([]string, error) {
	point, ok := strings.CutPrefix(h.Point, holdSupervisor+":")
	if !ok {
		return command, nil
	}
	if len(command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the binary for supervisors: %w", err)
		}
		command = []string{self, "supervise"}
	}
	return append(slices.Clone(command), "--hold", point), nil
}

// At blocks if this is the point, until somebody takes the file away.
func (h Hold) At(_ context.Context, point string) {
	if h.Point == "" || h.Point != point {
		return
	}
	if err := os.WriteFile(h.File, []byte(point+"\n"), 0o600); err != nil {
		panic(fmt.Sprintf("hold at %s: %v", point, err)) // a fault test cannot go on
	}
	for {
		if _, err := os.Stat(h.File); errors.Is(err, fs.ErrNotExist) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// holder holds around activities.
type holder struct {
	interceptor.WorkerInterceptorBase
	hold Hold
}

func (h *holder) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &heldActivity{hold: h.hold}
	i.Next = next
	return i
}

type heldActivity struct {
	interceptor.ActivityInboundInterceptorBase
	hold Hold
}

func (h *heldActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if h.hold.Point == "" {
		return h.Next.ExecuteActivity(ctx, in)
	}
	step := holdSteps[activity.GetInfo(ctx).ActivityType.Name]
	h.hold.At(ctx, step+":before")
	result, err := h.Next.ExecuteActivity(ctx, in)
	h.hold.At(ctx, step+":after")
	return result, err
}
