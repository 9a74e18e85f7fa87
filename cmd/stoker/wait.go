package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
)

const (
	// lookEvery is how often a job that is waited for is looked at, later lookLater.
	lookEvery = time.Second
	lookLater = 3 * time.Second
	// soon is how long a job is looked at more often.
	soon = 2 * time.Minute
	// waitPatience is how long a server that is away is waited for.
	waitPatience = 10 * time.Minute
	// drawEvery is how often the live line is redrawn.
	drawEvery = 200 * time.Millisecond
	// settleFor is how long a job whose outcome stands is waited for until its logs and
	// its record are kept; meanwhile it is looked at every settleEvery.
	settleFor   = 30 * time.Second
	settleEvery = 200 * time.Millisecond
	// settleQuietly is how long nothing is said of that.
	settleQuietly = 5 * time.Second
)

// waiting follows a job to its end: on a terminal in one live line, else in a line for
// each change.
type waiting struct {
	cmd    *cobra.Command
	client *client.Client
	live   *terminal
	// job as it was seen last, and away since when the server has not answered.
	job   client.Job
	away  time.Time
	why   error
	began time.Time
	said  string
	// stands is since when the job's outcome is known.
	stands time.Time
}

func newWaiting(cmd *cobra.Command, c *client.Client, j client.Job) *waiting {
	return &waiting{cmd: cmd, client: c.Patient(-1), live: stderrTerminal(cmd), job: j, began: time.Now()}
}

// run returns the job once it has ended. Ctrl-C ends only the waiting.
func (w *waiting) run(ctx context.Context) (client.Job, error) {
	draw := time.NewTicker(drawEvery)
	defer draw.Stop()
	looked := make(chan error, 1)
	next := time.NewTimer(0)
	defer next.Stop()
	var seen client.Job
	for {
		w.show()
		select {
		case <-ctx.Done():
			w.clear()
			if w.job.Outcome != nil {
				return w.ended(), nil
			}
			w.cmd.PrintErrf("job %s goes on; follow it with stoker status %[1]s or stoker logs -f %[1]s, end it with stoker cancel %[1]s\n", plainLine(w.job.ID))
			return w.job, sayingf("interrupted; job %s goes on", w.job.ID)
		case <-draw.C:
			continue
		case <-next.C:
			go func() {
				var err error
				seen, err = w.client.Get(ctx, w.job.ID)
				looked <- err
			}()
			continue
		case err := <-looked:
			if ctx.Err() != nil {
				continue
			}
			if err := w.saw(seen, err); err != nil && w.job.Outcome == nil {
				w.clear()
				return w.job, err
			}
		}
		if w.settled() {
			return w.ended(), nil
		}
		next.Reset(w.pause())
	}
}

// settled reports whether the job's outcome stands and all that it left can be read, or
// is long in coming.
func (w *waiting) settled() bool {
	if w.job.Outcome == nil {
		return false
	}
	if w.stands.IsZero() {
		w.stands = time.Now()
	}
	return w.job.Phase == job.PhaseDone || time.Since(w.stands) > settleFor
}

func (w *waiting) ended() client.Job {
	w.clear()
	w.cmd.PrintErrf("job %s %s after %s\n", plainLine(w.job.ID), outcomeWord(w.job.Outcome), took(w.elapsed()))
	return w.job
}

// pause until the next look.
func (w *waiting) pause() time.Duration {
	switch {
	case w.job.Outcome != nil:
		return settleEvery
	case time.Since(w.began) > soon:
		return lookLater
	}
	return lookEvery
}

// saw takes note of a look at the job. An error ends the waiting.
func (w *waiting) saw(seen client.Job, err error) error {
	code := job.CodeOf(err)
	switch {
	case err == nil:
		w.away, w.why = time.Time{}, nil
		if w.stands.IsZero() || seen.Outcome != nil { // a worker may be gone before it has kept it
			w.job = seen
		}
		return nil
	case code != job.CodeUnavailable || errors.Is(err, client.ErrStrange):
		return fmt.Errorf("%w; job %s may go on, stoker status shows it", err, w.job.ID)
	case w.away.IsZero():
		w.away = time.Now()
	case time.Since(w.away) > waitPatience:
		return fmt.Errorf("%w, for %s; job %s goes on, stoker status shows it", err, waitPatience, w.job.ID)
	}
	w.why = err
	return nil
}

// elapsed since the job was submitted, until it ended.
func (w *waiting) elapsed() time.Duration {
	if t := w.job.Times; !t.EndedAt.IsZero() && !t.SubmittedAt.IsZero() {
		return t.EndedAt.Sub(t.SubmittedAt)
	}
	return time.Since(w.began) // clocks of two hosts are not compared
}

func (w *waiting) clear() {
	if w.live != nil {
		w.live.clear()
	}
}

// savingWords say why a job that has ended is waited for.
const savingWords = "the job has ended; its logs are being saved"

// show says how the job is.
func (w *waiting) show() {
	if w.live != nil {
		w.live.draw(w.line())
		return
	}
	if words := w.words(); words != w.said && words != "" {
		w.cmd.PrintErrf("%s  %s\n", time.Now().Format("15:04:05"), plainLine(words))
		w.said = words
	}
}

// saves reports whether it takes long to save what a job left that has ended.
func (w *waiting) saves() bool { return !w.stands.IsZero() && time.Since(w.stands) >= settleQuietly }

// words are how the job is where there is no live line, "" if that is not worth one.
func (w *waiting) words() string {
	switch {
	case w.saves():
		return savingWords
	case w.job.Outcome != nil:
		return ""
	case w.why != nil:
		return "the server does not answer: " + w.why.Error()
	}
	return stateWords(w.job)
}

// stateWords are the phase of a job, and what it waits for.
func stateWords(j client.Job) string {
	if j.WaitingFor != "" {
		return string(j.Phase) + ", waits: " + j.WaitingFor
	}
	return string(j.Phase)
}

// line is the live line.
func (w *waiting) line() string {
	words := []string{fmt.Sprintf("%-10s", w.job.Phase), fmt.Sprintf("%6s", took(w.elapsed().Truncate(100*time.Millisecond)))}
	if p := w.job.Progress; p != nil {
		words = append(words, bar(p.Tasks.Completed, p.Tasks.Total, 20), progressWords(p))
	}
	switch {
	case w.saves():
		words = append(words, savingWords)
	case w.why != nil:
		words = append(words, "the server does not answer for "+took(time.Since(w.away)))
	case w.job.Cancelling != "":
		words = append(words, "cancelled by "+w.job.Cancelling)
	case w.job.WaitingFor != "":
		words = append(words, "waits: "+w.job.WaitingFor)
	case w.job.Progress == nil && w.job.ClusterSays != "":
		words = append(words, w.job.ClusterSays)
	}
	return strings.ReplaceAll(plain(strings.Join(words, "  ")), "\n", " ")
}

// sayFailure says how a job ended that did not succeed, with the last lines of its logs.
func sayFailure(cmd *cobra.Command, c *client.Client, j client.Job) {
	cmd.PrintErr(outcomeDetails(j.Outcome))
	if j.ApplicationID == "" {
		return // it never ran
	}
	for _, stream := range []string{"stdout", "stderr"} {
		text, err := lastWords(cmd.Context(), c, j.ID, stream, shownLines)
		switch {
		case err != nil:
			cmd.PrintErrf("--- %s cannot be read: %s\n", stream, plainLine(err.Error()))
		case strings.TrimSpace(text) != "":
			cmd.PrintErrf("--- last lines of %s\n%s\n", stream, strings.TrimRight(text, "\n"))
		}
	}
	cmd.PrintErrf("--- all of it: stoker logs %s, and --stream stderr\n", plainLine(j.ID))
}

// shownLines are shown of each log of a job that failed.
const shownLines = 20
