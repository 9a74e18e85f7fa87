// Package maven fetches artifacts from Maven Central, or from what the machine's
// Maven takes for it: Maven knows mirrors, proxies and caches (~/.m2).
package maven

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/dev/flock"
)

// Maven for machines that have none: a pinned release from Maven Central, or
// from the mirror that STOKER_MAVEN_CENTRAL names.
const (
	version    = "3.9.11"
	sha512Sum  = "bcfe4fe305c962ace56ac7b5fc7a08b87d5abd8b7e89027ab251069faebee516b0ded8961445d6d91ec1985dfe30f8153268843c89aa392733d1a3ec956c9978"
	central    = "https://repo.maven.apache.org/maven2"
	envCentral = "STOKER_MAVEN_CENTRAL"
	size       = 64 << 20 // more than the archive has, in bytes
)

// Find returns the program mvn: the machine's own, else one that is fetched once
// into the directory tools.
func Find(ctx context.Context, tools string, progress func(line string)) (string, error) {
	if own, err := exec.LookPath("mvn"); err == nil {
		return own, nil
	}
	home := filepath.Join(tools, "maven-"+version)
	program := filepath.Join(home, "bin", "mvn")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	unlock, err := flock.Lock(ctx, home+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(program); err == nil {
		return program, nil // somebody else's work, while this waited
	}
	progress("fetching Maven " + version + " (9 MB, once)")
	if err := fetch(ctx, home); err != nil {
		return "", fmt.Errorf("no Maven, and it cannot be fetched: %w; install it (Debian: apt-get install maven) or name a mirror of Maven Central in %s", err, envCentral)
	}
	return program, nil
}

func fetch(ctx context.Context, home string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	mirror := os.Getenv(envCentral)
	if mirror == "" {
		mirror = central
	}
	address := fmt.Sprintf("%s/org/apache/maven/apache-maven/%[2]s/apache-maven-%[2]s-bin.tar.gz", strings.TrimSuffix(mirror, "/"), version)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }() // read to its end, or given up
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, reply.Status)
	}
	archive, err := os.CreateTemp("", "maven-*.tar.gz")
	if err != nil {
		return err
	}
	defer func() { _, _ = archive.Close(), os.Remove(archive.Name()) }() // temporary
	sum := sha512.New()
	if _, err := io.Copy(io.MultiWriter(archive, sum), io.LimitReader(reply.Body, size)); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != sha512Sum {
		return fmt.Errorf("%s is not Maven %s: its SHA-512 is %s", address, version, got)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	fresh := home + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := unpack(archive, fresh); err != nil {
		return fmt.Errorf("unpack Maven: %w", err)
	}
	return os.Rename(fresh, home)
}

// unpack writes a tar.gz below a directory, without the folder that holds all
// in it.
func unpack(archive io.Reader, dir string) error {
	plain, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	entries := tar.NewReader(plain)
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, name, _ := strings.Cut(entry.Name, "/")
		if entry.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, os.FileMode(entry.Mode)&0o755)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, entries) //nolint:gosec // its digest was compared
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	}
}
