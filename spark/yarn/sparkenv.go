package yarn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

const (
	// envDeadline bounds a run of spark-env.sh.
	envDeadline = 10 * time.Second
	// envAge: the file may read others, which its own time does not tell.
	envAge = time.Minute
	// maxEnvSaid bounds the file's variables, in bytes.
	maxEnvSaid = 1 << 20
	// envMark ends the variables: a file that exits prints none.
	envMark = "STOKER_READ_ALL=1"
)

// runEnv sources the file as spark-submit's scripts do, with all that it assigns
// exported, and prints the environment. What the file prints is dropped.
//
// Source: bin/load-spark-env.sh of Spark 3.5.
const runEnv = `set -a
. "$1" >&2 </dev/null
set +a
for name in $(compgen -e); do printf '%s=%s\0' "$name" "${!name}"; done
printf '` + envMark + `\0'`

// passedToEnv are the variables of the worker that spark-env.sh is given: those that
// lead to programs and installations.
var passedToEnv = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "JAVA_HOME", "HADOOP_HOME", "SPARK_HOME"}

// sparkEnv knows what spark-env.sh sets.
type sparkEnv struct {
	// bash runs it; deadline bounds that.
	bash     string
	deadline time.Duration

	mu    sync.Mutex
	of    envFile
	until time.Time
	env   map[string]string
}

// envFile is a file as it was when it was run.
type envFile struct {
	name     string
	size     int64
	modified time.Time
}

// read returns the variables that spark-env.sh sets, with warnings when it was looked at
// anew. The operator's file is run by bash, as spark-submit does; where that fails, its
// plain assignments count.
func (s *sparkEnv) read(ctx context.Context, dir string, confDirs []string) (env map[string]string, warnings []string, err error) {
	name := filepath.Join(dir, fileEnv)
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil, ignoreMissing(err)
	}
	file := envFile{name: name, size: info.Size(), modified: info.ModTime()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == file && time.Now().Before(s.until) {
		return s.env, nil, nil
	}
	env, err = s.run(ctx, name, confDirs)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, job.Errorf(job.CodeUnavailable, "run %s: %w", name, ctx.Err())
		}
		data, reading := os.ReadFile(name)
		if reading != nil {
			return nil, nil, unreachable("read Spark's configuration", reading)
		}
		env, warnings = submission.ParseEnv(data)
		warnings = append([]string{fmt.Sprintf("%s could not be run by bash, so only its plain assignments count: %v", name, err)}, warnings...)
	}
	s.of, s.until, s.env = file, time.Now().Add(envAge), env
	return env, warnings, nil
}

func ignoreMissing(err error) error {
	if err == nil || os.IsNotExist(err) {
		return nil
	}
	return unreachable("read Spark's configuration", err)
}

// run sources the file in a shell of its own and returns what is other than before.
func (s *sparkEnv) run(ctx context.Context, name string, confDirs []string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.deadline)
	defer cancel()
	before := map[string]string{"SPARK_CONF_DIR": filepath.Dir(name), "SPARK_ENV_LOADED": "1"}
	for i, variable := range []string{"HADOOP_CONF_DIR", "YARN_CONF_DIR"} {
		if i < len(confDirs) {
			before[variable] = confDirs[i]
		}
	}
	for _, variable := range passedToEnv {
		if value, ok := os.LookupEnv(variable); ok {
			before[variable] = value
		}
	}
	var out limited
	cmd := exec.CommandContext(ctx, s.bash, "-c", runEnv, "spark-env", name)
	cmd.Dir, cmd.Stdout = filepath.Dir(name), &out
	cmd.Env = []string{}
	for variable, value := range before {
		cmd.Env = append(cmd.Env, variable+"="+value)
	}
	// What it starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly nobody is left
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // something that it left behind kept the output open
	}
	pairs, complete := strings.CutSuffix(out.String(), envMark+"\x00")
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it did not end within %s", s.deadline)
	case !complete && err == nil:
		return nil, errors.New("it ends the shell that reads it")
	case err != nil:
		return nil, err // what it printed may hold secrets, as with set -x
	}
	env := map[string]string{}
	for pair := range strings.SplitSeq(pairs, "\x00") {
		variable, value, ok := strings.Cut(pair, "=")
		if old, had := before[variable]; ok && (!had || old != value) {
			env[variable] = value
		}
	}
	for _, own := range []string{"PWD", "OLDPWD", "SHLVL", "_"} {
		delete(env, own)
	}
	return env, nil
}

// limited is a buffer that drops what is too much.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := maxEnvSaid - l.Len(); room > 0 {
		_, _ = l.Buffer.Write(p[:min(len(p), room)]) // never fails
	}
	return len(p), nil
}
