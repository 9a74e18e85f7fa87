// Package jar makes the JARs of a Java program for tests: one with a main class, Report,
// which tells what reached it and waits to be let go, and one with a class that it needs.
// The compiler is the one that Spark brings along (Janino): a machine that runs Spark
// need not have another.
package jar

import (
	"archive/zip"
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stoker-spark/stoker/dev/stack"
)

//go:embed java
var sources embed.FS

// Class is the main class.
const Class = "org.example.Report"

// library holds the classes that do not go into the program's own JAR.
const library = "org/example/words/"

// Build compiles the program and returns its JAR and that of what it needs.
func Build(ctx context.Context, spark stack.Spark) (program, needed []byte, err error) {
	dir, err := os.MkdirTemp("", "stoker-jar-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of no more use
	if err := os.CopyFS(dir, sources); err != nil {
		return nil, nil, err
	}
	classes := filepath.Join(dir, "classes")
	if err := compile(ctx, spark, filepath.Join(dir, "java"), classes); err != nil {
		return nil, nil, err
	}
	isNeeded := func(name string) bool { return strings.HasPrefix(name, library) }
	if program, err = pack(os.DirFS(classes), func(name string) bool { return !isNeeded(name) }); err == nil {
		needed, err = pack(os.DirFS(classes), isNeeded)
	}
	return program, needed, err
}

// compile turns all source files into classes.
func compile(ctx context.Context, spark stack.Spark, from, to string) error {
	jars, err := filepath.Glob(filepath.Join(spark.Home, "jars", "*.jar"))
	if err != nil || len(jars) == 0 {
		return fmt.Errorf("no jars in %s: %w", spark.Home, err)
	}
	classPath := strings.Join(jars, string(filepath.ListSeparator))
	args := []string{"-cp", classPath, "org.codehaus.commons.compiler.samples.CompilerDemo", "-d", to, "-classpath", classPath}
	err = filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			args = append(args, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	if out, err := exec.CommandContext(ctx, java, args...).CombinedOutput(); err != nil { //nolint:gosec // Java, on our own sources
		return fmt.Errorf("compile a Java program: %w: %s", err, out)
	}
	return nil
}

// pack makes a JAR of some classes.
func pack(classes fs.FS, wanted func(name string) bool) ([]byte, error) {
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	err := fs.WalkDir(classes, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !wanted(name) {
			return err
		}
		content, err := fs.ReadFile(classes, name)
		if err != nil {
			return err
		}
		w, err := archive.Create(name)
		if err == nil {
			_, err = w.Write(content)
		}
		return err
	})
	if err == nil {
		err = archive.Close() // which writes the rest
	}
	return b.Bytes(), err
}
