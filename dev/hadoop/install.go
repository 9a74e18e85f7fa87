package hadoop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/stoker-spark/stoker/dev/flock"
	"github.com/stoker-spark/stoker/dev/maven"
)

// artifacts of org.apache.hadoop whose runtime dependencies make all daemons.
// The ResourceManager does not start without the timeline service's classes.
var artifacts = []string{
	"hadoop-common", "hadoop-hdfs", "hadoop-hdfs-client", "hadoop-yarn-server-resourcemanager",
	"hadoop-yarn-server-nodemanager", "hadoop-mapreduce-client-hs", "hadoop-yarn-server-timelineservice",
}

var pom = template.Must(template.New("pom.xml").Parse(`<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>stoker</groupId>
  <artifactId>hadoop-cluster</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{{- range .Artifacts}}
    <dependency><groupId>org.apache.hadoop</groupId><artifactId>{{.}}</artifactId><version>{{$.Version}}</version></dependency>
{{- end}}
  </dependencies>
</project>
`))

// copyDependencies is Maven's goal that puts all jars into one folder.
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// install makes sure that the jars of a version are there and returns their
// folder. Maven fetches them, since it knows the machine's mirrors, proxies and
// caches (~/.m2). The folder appears only when it is complete.
func install(ctx context.Context, o Options, javaHome string) (string, error) {
	dir := filepath.Join(o.Tools, o.Version)
	lib := filepath.Join(dir, "lib")
	if _, err := os.Stat(lib); err == nil {
		return lib, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	mvn, err := maven.Find(ctx, o.Tools, o.Progress)
	if err != nil {
		return "", err
	}
	unlock, err := flock.Lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(lib); err == nil {
		return lib, nil // somebody else's work, while this waited
	}
	var project bytes.Buffer
	if err := pom.Execute(&project, map[string]any{"Artifacts": artifacts, "Version": o.Version}); err != nil {
		return "", err
	}
	if err := writeFile(filepath.Join(dir, "pom.xml"), project.Bytes()); err != nil {
		return "", err
	}
	fresh := lib + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	log := filepath.Join(dir, "download.log")
	o.Progress(fmt.Sprintf("downloading Hadoop %s into %s (about 100 MB, once)", o.Version, dir))
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--strict-checksums", "--file", filepath.Join(dir, "pom.xml"),
		copyDependencies, "-DincludeScope=runtime", "-DoutputDirectory="+fresh)
	cmd.Env = append(os.Environ(), "JAVA_HOME="+javaHome)
	if err := runLogged(cmd, log, o.Progress); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("cannot download Hadoop %s: %w; the end of %s:\n%s", o.Version, err, log, tail(log, 0))
	}
	return lib, os.Rename(fresh, lib)
}

// runLogged runs a command that may take minutes and says from time to time how
// far it is.
func runLogged(cmd *exec.Cmd, log string, progress func(line string)) error {
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // a log that lacks its end is no reason to fail
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	began := time.Now()
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ticker.C:
			progress(fmt.Sprintf("  still at it after %.0f s, %d jars", time.Since(began).Seconds(), downloaded(log)))
		}
	}
}

// downloaded counts the jars in Maven's log.
func downloaded(log string) int {
	data, err := os.ReadFile(log)
	if err != nil {
		return 0
	}
	count := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		if strings.Contains(line, "Downloaded from") && strings.Contains(line, ".jar ") {
			count++
		}
	}
	return count
}
