package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

// followPatience is how long a log that is followed waits for a server that is away.
const followPatience = 10 * time.Minute

func logsCommand() *cobra.Command {
	u := &user{}
	var (
		request client.LogRequest
		tail    int
	)
	cmd := &cobra.Command{
		Use: "logs ID", Short: "Print a job's log, while it runs and afterwards", Args: oneJob,
		ValidArgsFunction: first(completeJobs(jobs.Query{})),
		Long: "Prints the bytes that the program wrote, as they are. With -f it goes on until the log is\n" +
			"complete; after a break it goes on where it was, without losing or doubling a byte. If another\n" +
			"attempt follows, so does its log, unless --attempt named one. What else there is to say stands on\n" +
			"stderr. With -o json each line of the log is an object on a line of its own: its stream, its\n" +
			"attempt if that is not the first, the offset of its first byte, and its text with the line break,\n" +
			"or its bytes in base64 where they are not UTF-8. A line of more than 64 KiB comes in parts: all\n" +
			"texts and bytes in a row are the log.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("attempt") && request.Attempt < 1 {
				return fmt.Errorf("--attempt counts from 1, got %d", request.Attempt)
			}
			if tail < -1 {
				return fmt.Errorf("--tail must be a number of lines, got %d", tail)
			}
			c, err := u.client(cmd)
			if err != nil {
				return err
			}
			request.Job = args[0]
			if request.Follow {
				c = c.Patient(followPatience)
			}
			p := &logPrinter{cmd: cmd, client: c, request: request, tail: tail, json: u.output.json()}
			if request.Attempt > 0 || !request.Follow && !p.json {
				return p.print()
			}
			if err := p.nameAttempt(); err != nil {
				return err
			}
			if request.Follow {
				return p.followAttempts()
			}
			return p.print()
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&request.Follow, "follow", "f", false, "go on until the log is complete")
	f.StringVar(&request.Stream, "stream", "stdout", "stdout or stderr")
	f.IntVar(&request.Attempt, "attempt", 0, "attempt, counting from 1 (default: the last one)")
	f.IntVar(&tail, "tail", -1, "only so many of the last lines (default: all)")
	f.Lookup("tail").DefValue = "0" // which help leaves out
	u.command(cmd)
	registerCompletion(cmd, "stream", words("stdout", "stderr"))
	return cmd
}

// logPrinter prints the log of one attempt after the other.
type logPrinter struct {
	cmd     *cobra.Command
	client  *client.Client
	request client.LogRequest
	// tail is how many of the last lines are printed, -1 for all.
	tail int
	json bool
}

// print prints what is asked for of one attempt.
func (p *logPrinter) print() error {
	to, finish := p.cmd.OutOrStdout(), func() error { return nil }
	lines := &logLines{out: to, stream: p.request.Stream, attempt: p.request.Attempt}
	if p.json {
		to, finish = lines, lines.Close
	}
	if p.tail >= 0 {
		last, behind, err := lastLines(p.cmd.Context(), p.client, p.request, p.tail)
		if err != nil {
			return err
		}
		lines.offset = behind - int64(len(last))
		if _, err := to.Write(last); err != nil {
			return err
		}
		if !p.request.Follow {
			return finish()
		}
		p.request.Offset = behind
	}
	end, err := p.client.Logs(p.cmd.Context(), p.request, to)
	if rest := finish(); err == nil {
		err = rest
	}
	if err != nil {
		return err
	}
	if end.Missing != "" {
		p.cmd.PrintErrf("note: not all of the log could be saved: %s\n", plainLine(end.Missing))
	} else if p.request.Follow && !end.Finished {
		p.cmd.PrintErrln("note: this log was never saved whole; what was there is above")
	}
	return nil
}

// nameAttempt asks for the last attempt.
func (p *logPrinter) nameAttempt() error {
	found, err := p.client.Get(p.cmd.Context(), p.request.Job)
	p.request.Attempt = max(found.Attempt, 1)
	return err
}

// followAttempts prints the log of an attempt and of those that follow it.
func (p *logPrinter) followAttempts() error {
	for {
		if err := p.print(); err != nil {
			return err
		}
		next, err := p.attemptAfter()
		if err != nil || next == 0 {
			return err
		}
		p.cmd.PrintErrf("note: attempt %d has ended; attempt %d follows\n", p.request.Attempt, next)
		p.request.Attempt, p.request.Offset, p.tail = next, 0, -1
	}
}

// attemptAfter waits until the job has ended, or nobody goes on with it, or another attempt,
// which it returns, has begun.
func (p *logPrinter) attemptAfter() (int, error) {
	began, said := time.Now(), false
	for {
		found, err := p.client.Get(p.cmd.Context(), p.request.Job)
		switch {
		case err != nil:
			return 0, err
		case found.Attempt > p.request.Attempt:
			return p.request.Attempt + 1, nil
		case found.Outcome != nil || found.Phase == job.PhaseDone:
			return 0, nil
		case found.Abandoned():
			p.cmd.PrintErrf("note: this log is complete, but how job %s ended is not known: %s\n", plainLine(found.ID), plainLine(found.WaitingFor))
			return 0, nil
		case !said && time.Since(began) > settleQuietly:
			said = true
			p.cmd.PrintErrf("note: this log is complete, job %s is not: it is %s\n", plainLine(found.ID), plainLine(stateWords(found)))
		}
		select {
		case <-p.cmd.Context().Done():
			return 0, p.cmd.Context().Err()
		case <-time.After(lookEvery):
		}
	}
}

const (
	// firstTail and mostTail bound what is read at the end of a log to find its last
	// lines, in bytes.
	firstTail = 64 << 10
	mostTail  = 64 << 20
)

// lastLines reads the last lines of a log, and the offset behind them.
func lastLines(ctx context.Context, c *client.Client, r client.LogRequest, n int) (lines []byte, behind int64, err error) {
	r.Follow = false
	for size := int64(firstTail); ; size *= 8 {
		r.Offset = -size
		if n == 0 {
			r.Offset = -1
		}
		var b bytes.Buffer
		end, err := c.Logs(ctx, r, &b)
		if err != nil {
			return nil, 0, err
		}
		lines, whole := cutLines(b.Bytes(), n)
		if whole || end.Begin == 0 || size >= mostTail {
			return lines, end.Offset, nil
		}
	}
}

// cutLines returns the last n lines, and whether there were that many.
func cutLines(text []byte, n int) (lines []byte, whole bool) {
	at := len(text)
	if at > 0 && text[at-1] == '\n' {
		at--
	}
	if n == 0 {
		return nil, true
	}
	for range n {
		if at = bytes.LastIndexByte(text[:at], '\n'); at < 0 {
			return text, false
		}
	}
	return text[at+1:], true
}

// lastWords are the last lines of a log for people, "" if there are none.
func lastWords(ctx context.Context, c *client.Client, id, stream string, n int) (string, error) {
	text, _, err := lastLines(ctx, c, client.LogRequest{Job: id, Stream: stream}, n)
	return plain(job.Tail(string(text), 16<<10)), err
}
