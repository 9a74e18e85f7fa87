package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

func listCommand() *cobra.Command {
	u := &user{}
	var (
		query        jobs.Query
		phase        string
		since, until string
		labels       keyValues
		all          bool
	)
	cmd := &cobra.Command{
		Use: "list", Short: "List jobs, those that started last first", Args: noWords,
		Long: "Lists jobs, those that started last first: users their own, administrators everybody's.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			now := time.Now()
			if query.Since, err = timeFlag("since", since, now); err != nil {
				return err
			}
			if query.Until, err = timeFlag("until", until, now); err != nil {
				return err
			}
			if query.Limit < 1 {
				return fmt.Errorf("--limit must be at least 1, got %d; --all lists all there are", query.Limit)
			}
			query.Phase, query.Labels = job.Phase(phase), labels
			c, err := u.client(cmd)
			if err != nil {
				return err
			}
			most := query.Limit
			if all {
				most = -1
			}
			page, err := listPages(cmd, c, query, most)
			if err != nil {
				return err
			}
			for _, w := range page.Warnings {
				cmd.PrintErrf("warning: %s\n", plainLine(w))
			}
			if u.output.json() {
				return printJSON(cmd, page)
			}
			rows := jobRows(page.Jobs, now)
			if t := terminalOf(cmd.OutOrStdout()); t != nil {
				narrow(rows, t.width())
			}
			if err := printTable(cmd.OutOrStdout(), rows); err != nil {
				return err
			}
			if page.Next != "" {
				cmd.PrintErrln("there are more jobs; --limit N or --all lists them")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&query.User, "user", "", "jobs of this user")
	f.StringVar(&query.Queue, "queue", "", "jobs of this queue")
	f.StringVar(&query.Cluster, "cluster", "", "jobs of this cluster")
	f.StringVar(&phase, "phase", "", "jobs in this phase: "+strings.Join(phaseWords(), ", "))
	f.StringVar(&query.Result, "outcome", "", "jobs that ended so: succeeded, failed, cancelled, lost; or none, those that have not ended")
	f.Var(&labels, "label", "jobs with this label, key=value; may repeat")
	f.StringVar(&since, "since", "", "jobs that started then or later: 90m, 24h, 7d ago, or a time such as 2026-01-31T12:00:00Z")
	f.StringVar(&until, "until", "", "jobs that started before then, written as --since")
	f.IntVar(&query.Limit, "limit", jobs.DefaultPage, "how many at most")
	f.BoolVar(&all, "all", false, "all there are")
	u.command(cmd)
	registerCompletion(cmd, "phase", words(phaseWords()...))
	registerCompletion(cmd, "outcome", words(outcomeWords()...))
	registerCompletion(cmd, "cluster", completeClusters())
	return cmd
}

// listPages lists up to most jobs, -1 for all.
func listPages(cmd *cobra.Command, c *client.Client, q jobs.Query, most int) (client.Page, error) {
	list := client.Page{Jobs: []client.Job{}}
	for {
		q.Limit = jobs.MaxPage
		if most >= 0 {
			q.Limit = min(jobs.MaxPage, most-len(list.Jobs))
		}
		page, err := c.List(cmd.Context(), q)
		if err != nil {
			return list, err
		}
		list.Jobs = append(list.Jobs, page.Jobs...)
		list.Next = page.Next
		for _, w := range page.Warnings {
			if !contains(list.Warnings, w) {
				list.Warnings = append(list.Warnings, w)
			}
		}
		if page.Next == "" || (most >= 0 && len(list.Jobs) >= most) {
			return list, nil
		}
		if page.Next == q.Cursor {
			return list, fmt.Errorf("list jobs: the page behind cursor %q is that page again: the server does not go on", plainLine(q.Cursor))
		}
		q.Cursor = page.Next
	}
}

func contains(list []string, word string) bool {
	for _, one := range list {
		if one == word {
			return true
		}
	}
	return false
}

// jobRows are the rows of a table of jobs.
func jobRows(list []client.Job, now time.Time) [][]string {
	rows := [][]string{{"ID", "NAME", "USER", "CLUSTER", "STATE", "SUBMITTED", "TOOK"}}
	for _, j := range list {
		end := j.Times.EndedAt
		if end.IsZero() {
			end = now
		}
		length := ""
		if !j.Times.SubmittedAt.IsZero() {
			length = took(end.Sub(j.Times.SubmittedAt))
		}
		rows = append(rows, []string{j.ID, job.Head(j.Name, 40), j.User, j.Cluster, state(j), moment(j.Times.SubmittedAt), length})
	}
	return rows
}

const (
	columnName      = 1
	columnSubmitted = 5
	// leastName is how far a name is cut.
	leastName = 8
)

// narrow takes from a table of jobs what a terminal has no room for: year and seconds of
// the times, then the ends of long names.
func narrow(rows [][]string, width int) {
	over := tableWidth(rows) - width
	if over <= 0 {
		return
	}
	for _, row := range rows[1:] {
		if t := row[columnSubmitted]; len(t) == len(time.DateTime) {
			row[columnSubmitted] = t[len("2006-") : len(t)-len(":05")]
		}
	}
	if over = tableWidth(rows) - width; over <= 0 {
		return
	}
	longest := 0
	for _, row := range rows {
		longest = max(longest, columns(row[columnName]))
	}
	for _, row := range rows {
		row[columnName] = fit(plainLine(row[columnName]), max(longest-over, leastName))
	}
}

// state is how a job ended, else its phase.
func state(j client.Job) string {
	if j.Outcome != nil {
		return string(j.Outcome.Result)
	}
	return string(j.Phase)
}

var dayCount = regexp.MustCompile(`^([0-9]{1,5})d$`)

// inHours is a duration without days, which nobody but people counts in; what is none
// stays as it is.
func inHours(text string) string {
	m := dayCount.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	days, _ := strconv.Atoi(m[1]) // digits, and few
	return fmt.Sprintf("%dh", 24*days)
}

// timeFlag reads a time, or how long ago it is.
func timeFlag(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if m := dayCount.FindStringSubmatch(text); m != nil {
		days, _ := strconv.Atoi(m[1]) // digits, and few
		return now.AddDate(0, 0, -days), nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s must be such as 90m, 24h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z, got %q", name, text)
}
