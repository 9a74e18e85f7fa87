package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Spark is where a Spark installation and its interpreter are.
type Spark struct{ Home, Python, JavaHome string }

// FindSpark finds PySpark in the virtual environment that `make build` prepares.
func FindSpark(venv string) (Spark, error) {
	homes, err := filepath.Glob(filepath.Join(venv, "lib", "python3*", "site-packages", "pyspark"))
	if err != nil || len(homes) == 0 {
		return Spark{}, fmt.Errorf("no PySpark in %s: run make build, which installs it", venv)
	}
	if os.Getenv("JAVA_HOME") == "" {
		if _, err := exec.LookPath("java"); err != nil {
			return Spark{}, errors.New("no Java: install Java 17 (Debian: apt-get install openjdk-17-jre-headless) or set JAVA_HOME")
		}
	}
	return Spark{Home: homes[len(homes)-1], Python: filepath.Join(venv, "bin", "python")}, nil
}
