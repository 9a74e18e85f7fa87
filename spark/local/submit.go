package local

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// acknowledgeWait is how long Submit waits for the supervisor of an earlier
// call to record the launch.
const acknowledgeWait = 2 * time.Second

// request is what Submit gives a supervisor, on its standard input: it may
// hold secrets, so it is never written to a file.
type request struct {
	Root         string            `json:"root"`
	Reservation  spark.Reservation `json:"reservation"`
	PythonDriver bool              `json:"pythonDriver"`
	Argv         []string          `json:"argv"`
	Env          []string          `json:"env"`
	// Properties is the content of spark-submit's properties file, or empty.
	Properties []byte `json:"properties,omitempty"`
	// Events: the driver writes its events to dirEventLog, which must be there.
	Events      bool          `json:"events,omitempty"`
	Concurrency int           `json:"concurrency"`
	LockWait    time.Duration `json:"lockWait"`
	Invocation  string        `json:"invocation,omitempty"`
	Proc        string        `json:"proc"`
}

// Submit implements spark.Manager. What makes it idempotent is the exclusive
// claim that the supervisor makes: sending again never launches again.
func (m *Manager) Submit(ctx context.Context, attempt job.Attempt) error {
	dir, err := m.dir(attempt)
	if err != nil {
		return err
	}
	v, err := m.look(dir)
	switch {
	case err != nil:
		return err
	case v.reservation == nil:
		return job.Errorf(job.CodeNotFound, "%s is not reserved on cluster %s", attempt, m.opts.Cluster)
	case v.claim != nil:
		m.awaitAcknowledged(ctx, dir)
		return nil
	case v.revoked != nil, time.Now().After(v.reservation.NotAfter):
		return spark.ErrRevoked
	}
	if m.opts.Gate != nil {
		if err := m.opts.Gate(ctx); err != nil {
			return err
		}
	}
	req, err := m.request(ctx, dir, *v.reservation)
	if err != nil {
		return err
	}
	err = createJSON(dir.path(spark.FileIntent), note{Application: v.reservation.Application, At: time.Now().UTC()})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return m.unavailable("record the intent to launch "+attempt.String(), err)
	}
	m.hold(ctx, "intent:after")
	if err := ctx.Err(); err != nil {
		return m.unavailable("launch "+attempt.String(), err)
	}
	// The supervisor makes sure of this; looking here keeps a process that was
	// frozen meanwhile from leaving a log in a directory that was released.
	switch {
	case exists(dir.path(fileClaim)):
		return nil
	case exists(dir.path(spark.FileRevoked)):
		return spark.ErrRevoked
	}
	answer, err := m.startSupervisor(dir, req)
	if err != nil {
		return m.unavailable("start the supervisor of "+attempt.String(), err)
	}
	m.hold(ctx, "launch:after")
	err = m.outcome(ctx, attempt, dir, answer)
	m.wait(*v.reservation, errors.Is(err, spark.ErrBusy))
	return err
}

func (m *Manager) hold(ctx context.Context, point string) {
	if m.opts.Hold != nil {
		m.opts.Hold(ctx, point)
	}
}

// awaitAcknowledged gives the supervisor of an earlier call a moment to record
// the launch. What became of it, Observe tells.
func (m *Manager) awaitAcknowledged(ctx context.Context, dir jobDir) {
	ctx, cancel := context.WithTimeout(ctx, acknowledgeWait)
	defer cancel()
	for !exists(dir.path(spark.FileAcknowledged)) && held(dir.path(fileSupervisorLock)) {
		if pause(ctx, 20*time.Millisecond) != nil {
			return
		}
	}
}

// request reads what was staged and makes the launch of it.
func (m *Manager) request(ctx context.Context, dir jobDir, r spark.Reservation) (request, error) {
	if !exists(dir.path(spark.FileStaged)) {
		return request{}, job.Errorf(job.CodeInvalid, "%s is not staged: %s is missing", r.Attempt, dir.path(spark.FileStaged))
	}
	launch, err := readLaunch(dir)
	if err != nil {
		return request{}, job.Errorf(job.CodeInvalid, "the launch of %s cannot be read: %w", r.Attempt, err)
	}
	if m.opts.Amend != nil {
		if launch, err = m.opts.Amend(ctx, r, launch); err != nil {
			return request{}, err
		}
	}
	env := m.opts.environment(os.Environ(), dir, r.Application)
	cmd, err := m.opts.command(dir, launch, m.opts.sparkDefaults(env))
	if err != nil {
		return request{}, err
	}
	props, err := m.opts.secretProperties(cmd.secrets, env)
	if err != nil {
		return request{}, err
	}
	return request{
		Root: m.opts.Root, Reservation: r, PythonDriver: launch.PythonDriver,
		Argv: cmd.argv, Env: env, Properties: props, Events: cmd.events,
		Concurrency: m.opts.Concurrency, LockWait: lockWait,
		Invocation: os.Getenv(envInvocation), Proc: m.opts.Proc,
	}, nil
}

func readLaunch(dir jobDir) (spark.Launch, error) {
	data, err := os.ReadFile(dir.path(spark.FileLaunch)) // ours, of any length
	if err != nil {
		return spark.Launch{}, err
	}
	var launch spark.Launch
	err = json.Unmarshal(data, &launch)
	return launch, err
}

// startSupervisor starts a process that no signal to the worker reaches and
// returns the pipe it answers on.
func (m *Manager) startSupervisor(dir jobDir, req request) (answer *os.File, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(dir.path(fileSupervisorLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the supervisor has its own
	bodyRead, bodyWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = bodyRead.Close() }()
	answerRead, answerWrite, err := os.Pipe()
	if err != nil {
		_ = bodyWrite.Close()
		return nil, err
	}
	defer func() { _ = answerWrite.Close() }()

	argv := append(append([]string{}, m.opts.Supervisor...), string(dir))
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // the configured supervisor, which is to outlive ctx
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bodyRead, log, log
	cmd.ExtraFiles = []*os.File{answerWrite}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// The mark lets Kill find a process that the supervisor has forked but that
	// has not yet become spark-submit.
	cmd.Env = []string{
		envSupervisor + "=1", envApplication + "=" + req.Reservation.Application,
		"PATH=" + defaultPath, "GOMAXPROCS=1",
	}
	if err := cmd.Start(); err != nil {
		_ = bodyWrite.Close()
		_ = answerRead.Close()
		return nil, err
	}
	go func() {
		// If the worker dies here the supervisor reads half a request, and ends.
		_, _ = bodyWrite.Write(body)
		_ = bodyWrite.Close()
		_ = cmd.Wait() // reaps it; how it ended is in its records
	}()
	return answerRead, nil
}

// The answers of a supervisor: one line, the word and perhaps a reason.
const (
	answerLaunched = "launched"
	answerAlready  = "already"
	answerBusy     = "busy"
	answerRevoked  = "revoked"
	// answerFailed: the claim is made but there is no process, nor ever will be.
	answerFailed = "failed"
	answerError  = "error"
)

// outcome reads the supervisor's answer. When ctx ends first, the supervisor
// goes on and the next Submit finds what it did.
func (m *Manager) outcome(ctx context.Context, attempt job.Attempt, dir jobDir, answer *os.File) error {
	defer func() { _ = answer.Close() }() // only read from
	stop := context.AfterFunc(ctx, func() { _ = answer.SetReadDeadline(time.Now()) })
	defer stop()
	line, err := bufio.NewReader(answer).ReadString('\n')
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if exists(dir.path(fileClaim)) && ctx.Err() == nil {
			return nil // it died after the claim: Observe tells the rest
		}
		return m.unavailable("learn from the supervisor whether "+attempt.String()+" was launched (see "+filepath.Join(string(dir), fileSupervisorLog)+")", err)
	}
	word, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch word {
	case answerLaunched, answerAlready, answerFailed:
		m.opts.Logger.Info("application submitted", "cluster", m.opts.Cluster, "job", attempt.Job, "attempt", attempt.Number, "answer", line)
		return nil
	case answerBusy:
		return spark.ErrBusy
	case answerRevoked:
		return spark.ErrRevoked
	}
	return job.Errorf(job.CodeUnavailable, "the supervisor of %s could not launch it: %s", attempt, reason)
}
