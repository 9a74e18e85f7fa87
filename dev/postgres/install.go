// Package postgres runs a real PostgreSQL server of a test's own, from binaries
// that Maven Central has: never for production.
package postgres

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ulikunitz/xz"

	"github.com/stoker-spark/stoker/dev/flock"
	"github.com/stoker-spark/stoker/dev/maven"
)

// Version of PostgreSQL, the one that docker-compose.yml has.
const Version = "16.10"

// artifacts by architecture: what https://github.com/zonkyio/embedded-postgres-binaries
// makes of PostgreSQL's own source.
var artifacts = map[string]maven.Artifact{
	"amd64": artifact("linux-amd64", "17a8ded28bde97fe66247387806af30ee26190fc96503c47c3eaa4fcbdcff8b6"),
	"arm64": artifact("linux-arm64v8", "96e6e62674dfbb2fb16081a05525c0454290e163a8d7ae225512cf60ee908371"),
}

func artifact(platform, sum string) maven.Artifact {
	return maven.Artifact{
		Group: "io.zonky.test.postgres", Name: "embedded-postgres-binaries-" + platform, Version: Version + ".0", SHA256: sum,
	}
}

// Home is where Install puts PostgreSQL.
func Home(tools string) string { return filepath.Join(tools, "postgres", Version) }

// Install makes sure that PostgreSQL is in Home(tools). The directory appears only
// when it is complete.
func Install(ctx context.Context, tools string, progress func(line string)) error {
	home := Home(tools)
	wanted, ok := artifacts[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("there is no PostgreSQL for %s on Maven Central", runtime.GOARCH)
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return err
	}
	unlock, err := flock.Lock(ctx, home+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(home); err == nil {
		return nil
	}
	download := home + ".download"
	defer func() { _ = os.RemoveAll(download) }() // what is left of it is in the way of nobody
	jar, err := maven.Fetch(ctx, tools, download, wanted, progress)
	if err != nil {
		return err
	}
	fresh := home + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := unpack(jar, fresh); err != nil {
		return fmt.Errorf("unpack %s: %w", jar, err)
	}
	return os.Rename(fresh, home)
}

// unpack writes the archive within a jar below a directory.
func unpack(jar, dir string) error {
	files, err := zip.OpenReader(jar)
	if err != nil {
		return err
	}
	defer func() { _ = files.Close() }() // only read
	for _, f := range files.File {
		if !strings.HasSuffix(f.Name, ".txz") {
			continue
		}
		packed, err := f.Open()
		if err != nil {
			return err
		}
		defer func() { _ = packed.Close() }() // only read
		plain, err := xz.NewReader(packed)
		if err != nil {
			return err
		}
		return unpackTar(tar.NewReader(plain), dir)
	}
	return errors.New("there is no .txz in it")
}

func unpackTar(entries *tar.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // nothing leads out of it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only a handle
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(entry.Name)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		switch entry.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeSymlink:
			err = root.Symlink(entry.Linkname, name)
		case tar.TypeReg:
			err = write(root, name, entry, entries)
		}
		if err != nil {
			return err
		}
	}
}

func write(root *os.Root, name string, entry *tar.Header, content io.Reader) error {
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, os.FileMode(entry.Mode)&0o755|0o444) //nolint:gosec // masked
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content) //nolint:gosec // its digest was compared
	return errors.Join(err, file.Close())
}
