package maven

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Artifact is one file of Maven Central, and what it must hold.
type Artifact struct {
	Group, Name, Version string
	// SHA256 of the jar, in hex.
	SHA256 string
}

func (a Artifact) String() string { return a.Group + ":" + a.Name + ":" + a.Version }

// copyGoal puts one artifact, without its dependencies, into a folder.
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"

// Fetch puts the artifact's jar into a directory and returns its path. A jar that
// is another one than was asked for is an error.
func Fetch(ctx context.Context, tools, dir string, a Artifact, progress func(line string)) (string, error) {
	mvn, err := Find(ctx, tools, progress)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, mvn, "--batch-mode", "--strict-checksums", copyGoal, //nolint:gosec // Maven
		"-Dartifact="+a.String(), "-DoutputDirectory="+dir, "-Dmdep.useBaseVersion=true").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("fetch %s from Maven Central: %w; Maven's last words:\n%s", a, err, lastLines(out, 15))
	}
	jar := filepath.Join(dir, a.Name+"-"+a.Version+".jar")
	file, err := os.Open(jar)
	if err != nil {
		return "", fmt.Errorf("fetch %s: %w", a, err)
	}
	defer func() { _ = file.Close() }() // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read %s: %w", jar, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != a.SHA256 {
		return "", fmt.Errorf("%s is not %s: its SHA-256 is %s", jar, a, got)
	}
	return jar, nil
}

func lastLines(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
