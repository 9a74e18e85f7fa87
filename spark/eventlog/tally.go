package eventlog

import (
	"bytes"
	"encoding/json"

	"github.com/stoker-spark/stoker/job"
)

// Tally counts events: how many jobs, stages and tasks there are, run and have
// ended. Its memory grows with the jobs that run, not with those that ran.
type Tally struct {
	ended job.Progress
	// running by Spark's number of the job.
	running map[int64]*sparkJob
}

// sparkJob is one of Spark's jobs: what an action of the program begins.
type sparkJob struct {
	counts job.Progress
	stages map[int64]*stage
}

type stage struct {
	tasks int64
	// begun: something of it ran while its job did. A stage whose result is there
	// already does not.
	begun bool
	// completed is undone when some of its output was lost and it is submitted again.
	completed bool
}

// Progress is what was counted, with no time.
func (t *Tally) Progress() job.Progress {
	sum := t.ended
	for _, j := range t.running {
		add(&sum, j.counts)
	}
	for _, c := range []*job.Count{&sum.Jobs, &sum.Stages, &sum.Tasks} {
		c.Running = max(c.Running, 0) // of a stage that another job began
	}
	return sum
}

func add(sum *job.Progress, p job.Progress) {
	for _, c := range []struct {
		to *job.Count
		of job.Count
	}{{&sum.Jobs, p.Jobs}, {&sum.Stages, p.Stages}, {&sum.Tasks, p.Tasks}} {
		c.to.Total += c.of.Total
		c.to.Running += c.of.Running
		c.to.Completed += c.of.Completed
		c.to.Failed += c.of.Failed
	}
}

// The beginnings of the lines that count. Spark writes the name of an event first.
var (
	jobStart       = start("JobStart")
	jobEnd         = start("JobEnd")
	stageSubmitted = start("StageSubmitted")
	stageCompleted = start("StageCompleted")
	taskStart      = start("TaskStart")
	taskEnd        = start("TaskEnd")

	counted = [][]byte{taskStart, taskEnd, stageSubmitted, stageCompleted, jobStart, jobEnd}
)

func start(event string) []byte { return []byte(`{"Event":"SparkListener` + event + `",`) }

// counts reports whether a line that begins like this may change a Tally.
func counts(line []byte) bool {
	for _, prefix := range counted {
		if bytes.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// event has the fields of all events that count.
type event struct {
	JobID      int64       `json:"Job ID"`
	StageInfos []stageInfo `json:"Stage Infos"`
	JobResult  struct {
		Result string `json:"Result"`
	} `json:"Job Result"`
	StageInfo stageInfo `json:"Stage Info"`
	StageID   int64     `json:"Stage ID"`
	EndReason struct {
		Reason string `json:"Reason"`
	} `json:"Task End Reason"`
}

type stageInfo struct {
	ID            int64  `json:"Stage ID"`
	Tasks         int64  `json:"Number of Tasks"`
	FailureReason string `json:"Failure Reason"`
}

// Add counts one line of a log. An event that does not count, or that is no JSON,
// changes nothing: a log tells how far an application is, and decides nothing.
func (t *Tally) Add(line []byte) {
	if !counts(line) {
		return
	}
	var e event
	if json.Unmarshal(line, &e) != nil {
		return
	}
	switch {
	case bytes.HasPrefix(line, jobStart):
		t.begin(e)
	case bytes.HasPrefix(line, jobEnd):
		t.end(e)
	case bytes.HasPrefix(line, stageSubmitted):
		t.each(e.StageInfo.ID, func(j *sparkJob, s *stage) {
			s.begun = true
			j.counts.Stages.Running++
			if s.completed {
				s.completed = false
				j.counts.Stages.Completed--
			}
		})
	case bytes.HasPrefix(line, stageCompleted):
		t.each(e.StageInfo.ID, func(j *sparkJob, s *stage) {
			s.begun = true
			j.counts.Stages.Running--
			switch {
			case e.StageInfo.FailureReason != "":
				j.counts.Stages.Failed++
			case !s.completed:
				s.completed = true
				j.counts.Stages.Completed++
			}
		})
	case bytes.HasPrefix(line, taskStart):
		t.each(e.StageID, func(j *sparkJob, s *stage) {
			s.begun = true
			j.counts.Tasks.Running++
		})
	case bytes.HasPrefix(line, taskEnd):
		t.each(e.StageID, func(j *sparkJob, _ *stage) { j.taskEnd(e.EndReason.Reason) })
	}
}

// maxRunning bounds the jobs that are counted at a time: each has a thread of the
// driver's.
const maxRunning = 10_000

func (t *Tally) begin(e event) {
	if len(t.running) == maxRunning {
		return
	}
	j := &sparkJob{stages: make(map[int64]*stage, len(e.StageInfos))}
	j.counts.Jobs = job.Count{Total: 1, Running: 1}
	for _, s := range e.StageInfos {
		j.stages[s.ID] = &stage{tasks: s.Tasks}
		j.counts.Stages.Total++
		j.counts.Tasks.Total += s.Tasks
	}
	if t.running == nil {
		t.running = map[int64]*sparkJob{}
	}
	t.running[e.JobID] = j
}

func (t *Tally) end(e event) {
	j := t.running[e.JobID]
	if j == nil {
		return
	}
	delete(t.running, e.JobID)
	for _, s := range j.stages {
		if !s.begun { // skipped, as in Spark's UI
			j.counts.Stages.Total--
			j.counts.Tasks.Total -= s.tasks
		}
	}
	j.counts.Jobs.Running, j.counts.Stages.Running, j.counts.Tasks.Running = 0, 0, 0
	if e.JobResult.Result == "JobSucceeded" {
		j.counts.Jobs.Completed = 1
	} else {
		j.counts.Jobs.Failed = 1
	}
	add(&t.ended, j.counts)
}

// taskEnd tells the reasons apart as Spark's AppStatusListener does.
func (j *sparkJob) taskEnd(reason string) {
	switch reason {
	case "Resubmitted": // its success was counted, and its output is lost: it did not run now
		j.counts.Tasks.Failed++
		return
	case "Success":
		j.counts.Tasks.Completed++
	case "TaskKilled", "TaskCommitDenied":
	default:
		j.counts.Tasks.Failed++
	}
	j.counts.Tasks.Running--
}

// each calls f for every running job that a stage belongs to.
func (t *Tally) each(id int64, f func(*sparkJob, *stage)) {
	for _, j := range t.running {
		if s := j.stages[id]; s != nil {
			f(j, s)
		}
	}
}
