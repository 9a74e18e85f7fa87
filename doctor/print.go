package doctor

import (
	"fmt"
	"io"
	"strings"
)

// marks stand before the lines: what needs attention catches the eye.
var marks = map[Status]string{StatusOK: "ok", StatusWarn: "WARN", StatusFail: "FAIL", StatusSkip: "-"}

// Print writes a report for people: a paragraph for each group, a line for each
// finding and, below it, how to mend it.
func Print(w io.Writer, report Report) error {
	width := 0
	for _, row := range report.Rows {
		width = max(width, len(row.Check))
	}
	var out strings.Builder
	counts := map[Status]int{}
	group := ""
	for _, row := range report.Rows {
		if row.Group != group {
			if group != "" {
				out.WriteByte('\n')
			}
			group = row.Group
			out.WriteString(group + "\n")
		}
		counts[row.Status]++
		fmt.Fprintf(&out, "  %-4s  %-*s  %s\n", marks[row.Status], width, row.Check, row.Text)
		if row.Mend != "" {
			fmt.Fprintf(&out, "        %-*s  -> %s\n", width, "", row.Mend)
		}
	}
	fmt.Fprintf(&out, "\n%s\n", summary(counts))
	_, err := io.WriteString(w, out.String())
	return err
}

func summary(counts map[Status]int) string {
	parts := []string{}
	for _, one := range []struct {
		status Status
		word   string
	}{{StatusFail, "failed"}, {StatusWarn, "to look at"}, {StatusSkip, "skipped"}, {StatusOK, "fine"}} {
		if counts[one.status] > 0 || one.status == StatusFail {
			parts = append(parts, fmt.Sprintf("%d %s", counts[one.status], one.word))
		}
	}
	return strings.Join(parts, ", ")
}
