// Package doctor finds out what keeps an installation from running jobs: small
// checks of everything that a job needs, each with a word on how to mend what it
// finds. What the checks look at is behind interfaces; who opens the clusters of a
// configuration is not known here.
//
// A check changes nothing that stays. It never returns an error: whatever goes
// wrong is a finding.
package doctor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
)

// Status is how bad a finding is.
type Status string

// The statuses. Jobs can run with warnings; with a failure some or all can't.
// What was not looked at, because it needs something that failed, is skipped.
const (
	StatusOK   Status = "ok"
	StatusWarn Status = "warn"
	StatusFail Status = "fail"
	StatusSkip Status = "skip"
)

// maxText bounds what one finding says, in bytes.
const maxText = 600

// Finding is what a check found: what is so, and how to mend it.
type Finding struct {
	Status Status `json:"status"`
	Text   string `json:"text"`
	Mend   string `json:"mend,omitempty"`
}

func ok(format string, args ...any) Finding {
	return Finding{Status: StatusOK, Text: fmt.Sprintf(format, args...)}
}

func warn(mend, format string, args ...any) Finding {
	return Finding{Status: StatusWarn, Text: fmt.Sprintf(format, args...), Mend: mend}
}

func fail(mend, format string, args ...any) Finding {
	return Finding{Status: StatusFail, Text: fmt.Sprintf(format, args...), Mend: mend}
}

// Check is one thing to look at.
type Check struct {
	// Group is what the check belongs to, "Temporal" or "cluster lake".
	Group string
	// Name says in a word or two what is looked at; it is unique in its group.
	Name string
	// Needs names a check earlier in the group without which this one says
	// nothing: if that fails, this one is skipped. "" is none.
	Needs string
	// Run looks. ctx ends at the deadline; a Run that goes on is left behind.
	Run func(ctx context.Context) Finding
}

// Row is a finding with its place.
type Row struct {
	Group string `json:"group"`
	Check string `json:"check"`
	Finding
}

// Report is what was found, in the order of the checks.
type Report struct {
	// OK: nothing failed.
	OK   bool  `json:"ok"`
	Rows []Row `json:"findings"`
}

// Examine runs all checks at once, each with this deadline from when it begins.
func Examine(ctx context.Context, checks []Check, deadline time.Duration) Report {
	report := Report{OK: true, Rows: make([]Row, len(checks))}
	done := make([]chan struct{}, len(checks))
	for i := range checks {
		done[i] = make(chan struct{})
	}
	var all sync.WaitGroup
	for i, check := range checks {
		report.Rows[i] = Row{Group: check.Group, Check: check.Name}
		need := needed(checks[:i], check)
		all.Go(func() {
			defer close(done[i])
			if need >= 0 {
				<-done[need]
				if s := report.Rows[need].Status; s == StatusFail || s == StatusSkip {
					report.Rows[i].Finding = Finding{Status: StatusSkip, Text: "not looked at: it needs the check of " + check.Needs, Mend: "mend that first"}
					return
				}
			}
			report.Rows[i].Finding = examine(ctx, check, deadline)
		})
	}
	all.Wait()
	for _, row := range report.Rows {
		report.OK = report.OK && row.Status != StatusFail
	}
	return report
}

// needed is the index of the check that another needs, -1 for none.
func needed(before []Check, check Check) int {
	for i, other := range before {
		if check.Needs != "" && other.Group == check.Group && other.Name == check.Needs {
			return i
		}
	}
	return -1
}

func examine(ctx context.Context, check Check, deadline time.Duration) Finding {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	found := make(chan Finding, 1)
	go func() { found <- check.Run(ctx) }()
	var finding Finding
	select {
	case finding = <-found:
	case <-ctx.Done():
		// One that heeds its deadline says more than that it has passed.
		select {
		case finding = <-found:
		case <-time.After(grace):
			finding = fail("see that what is looked at runs and that no firewall swallows what is sent there; --timeout gives it longer", "no answer within %s", deadline)
		}
	}
	finding.Text = plain(finding.Text)
	return finding
}

// grace is how long a check may take to say what it knows after its deadline.
const grace = 200 * time.Millisecond

// plain makes others' words fit for a line: short, without line breaks and
// tokens.
func plain(text string) string {
	return job.Head(strings.Join(strings.Fields(hadoop.Redact(text)), " "), maxText)
}
