package hadoop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// findJava returns the Java home to use: the given one, that of the environment,
// or that of the java on the PATH.
func findJava(home string) (string, error) {
	if home == "" {
		home = os.Getenv("JAVA_HOME")
	}
	if home == "" {
		const missing = "no Java: install Java 17 (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME"
		java, err := exec.LookPath("java")
		if err != nil {
			return "", errors.New(missing)
		}
		if java, err = filepath.EvalSymlinks(java); err != nil {
			return "", errors.New(missing)
		}
		home = filepath.Dir(filepath.Dir(java))
	}
	if info, err := os.Stat(filepath.Join(home, "bin", "java")); err != nil || info.IsDir() {
		return "", fmt.Errorf("no bin/java in the Java home %s: install Java 17 (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME", home)
	}
	return home, nil
}
