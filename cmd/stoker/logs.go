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
			"complete; after a break it goes on where it was, without losing or doubling a byte. What else\n" +
			"there is to say stands on stderr. With -o json each line of the log is an object on a line of its\n" +
			"own: its stream, the offset of its first byte, and its text with the line break, or its bytes in\n" +
			"base64 where they are not UTF-8. A line of more than 64 KiB comes in parts: all texts and bytes\n" +
			"in a row are the log.",
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
			to, finish := cmd.OutOrStdout(), func() error { return nil }
			lines := &logLines{out: cmd.OutOrStdout(), stream: request.Stream}
			if u.output.json() {
				to, finish = lines, lines.Close
			}
			if tail >= 0 {
				last, behind, err := lastLines(cmd.Context(), c, request, tail)
				if err != nil {
					return err
				}
				lines.offset = behind - int64(len(last))
				if _, err := to.Write(last); err != nil {
					return err
				}
				if !request.Follow {
					return finish()
				}
				request.Offset = behind
			}
			end, err := c.Logs(cmd.Context(), request, to)
			if rest := finish(); err == nil {
				err = rest
			}
			if err != nil {
				return err
			}
			if end.Missing != "" {
				cmd.PrintErrf("note: not all of the log could be saved: %s\n", plainLine(end.Missing))
			} else if request.Follow && !end.Finished {
				cmd.PrintErrln("note: the job is done, but its log was never saved whole; what was there is above")
			}
			return nil
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
