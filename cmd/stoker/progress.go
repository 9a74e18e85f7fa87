package main

import (
	"fmt"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// bar draws how much of a total is done.
func bar(done, total int64, width int) string {
	full := 0
	if total > 0 {
		full = int(min(max(done, 0), total) * int64(width) / total)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}

// progressWords are the numbers of an application. They are of what it has begun so far,
// so none is a share of the whole.
func progressWords(p *job.Progress) string {
	text := fmt.Sprintf("tasks %d/%d, stages %d/%d", p.Tasks.Completed, p.Tasks.Total, p.Stages.Completed, p.Stages.Total)
	if p.Tasks.Failed > 0 {
		text += fmt.Sprintf(", %d tasks failed", p.Tasks.Failed)
	}
	return text
}
