package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

// localFile is a file of the caller's that the job refers to.
type localFile struct {
	path string
	// refer puts the reference to the uploaded file into the spec.
	refer func(reference string)
}

// scheme begins what is a URL and not a local path.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// findLocal finds the local files of a spec, each of which must be there. Those with a
// scheme stay as they are. Patterns stand for the files that they match, as with
// spark-submit. Until a file's digest is known the spec refers to it by one of zeros.
func findLocal(spec *jobspec.Spec) ([]localFile, typed, error) {
	var (
		found    []localFile
		names    = typed{"file": {"program", spec.File}}
		problems []string
	)
	one := func(option, path, alias string, refer func(string)) {
		if problem := fileProblem(path); problem != "" {
			problems = append(problems, fmt.Sprintf("%s: %s %s", option, path, problem))
			return
		}
		f := localFile{path, func(reference string) { refer(reference + alias) }}
		f.refer(f.artifact(strings.Repeat("0", 2*sha256.Size)).String())
		found = append(found, f)
	}
	if !scheme.MatchString(spec.File) {
		one("program", spec.File, "", func(reference string) { spec.File = reference })
	}
	list := func(option, field string, files *[]string) {
		var out []string
		add := func(text string) {
			names[fmt.Sprintf("%s[%d]", field, len(out))] = typedFile{option, text}
			out = append(out, text)
		}
		for _, text := range *files {
			if scheme.MatchString(text) {
				add(text)
				continue
			}
			path, alias := text, ""
			if at := strings.IndexByte(text, '#'); at >= 0 {
				path, alias = text[:at], text[at:]
			}
			matches := expand(path)
			if len(matches) > 1 && alias != "" {
				problems = append(problems, fmt.Sprintf("%s: %s are %d files, which cannot all be named %s", option, path, len(matches), alias[1:]))
				continue
			}
			for _, match := range matches {
				at := len(out)
				add(match)
				one(option, match, alias, func(reference string) { out[at] = reference })
			}
		}
		*files = out
	}
	list("--py-files", "pyFiles", &spec.PyFiles)
	list("--jars", "jars", &spec.Jars)
	list("--files", "files", &spec.Files)
	list("--archives", "archives", &spec.Archives)
	if len(problems) > 0 {
		return nil, nil, job.Invalid("not all files can be uploaded", problems)
	}
	return found, names, nil
}

// artifact is what the file with a digest is uploaded as.
func (f localFile) artifact(digest string) jobspec.Artifact {
	return jobspec.Artifact{SHA256: digest, Name: filepath.Base(f.path)}
}

// expand is the files that a pattern matches, and anything else as it is.
func expand(path string) []string {
	if _, err := os.Lstat(path); err == nil || !strings.ContainsAny(path, "*?[") {
		return []string{path}
	}
	matches, err := filepath.Glob(path)
	if err != nil || len(matches) == 0 {
		return []string{path} // whose absence is then said
	}
	return matches
}

// fileProblem says why a file cannot be uploaded, "" if it can.
func fileProblem(path string) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is not there; a file of the cluster needs its scheme, such as hdfs:"
	case err != nil:
		return "cannot be looked at: " + err.Error()
	case info.IsDir():
		return "is a directory; pack it into an archive"
	case !info.Mode().IsRegular():
		return "is no regular file"
	}
	return ""
}

// outgoing is a file to be uploaded, as it was when it was read.
type outgoing struct {
	path     string
	info     fs.FileInfo
	artifact jobspec.Artifact
}

// digests reads the files and puts their references into the spec. Each content under a
// name is returned once.
func digests(ctx context.Context, files []localFile) ([]outgoing, error) {
	var list []outgoing
	known := map[jobspec.Artifact]bool{}
	for _, f := range files {
		digest, info, err := digestOf(ctx, f.path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.path, err)
		}
		artifact := f.artifact(digest)
		f.refer(artifact.String())
		if !known[artifact] {
			list = append(list, outgoing{f.path, info, artifact})
		}
		known[artifact] = true
	}
	return list, nil
}

// upload sends the files that the server has not yet.
func upload(cmd *cobra.Command, c *client.Client, files []outgoing, cluster string) error {
	for _, f := range files {
		if err := send(cmd, c, f.path, f.info, client.Upload{Artifact: f.artifact, Cluster: cluster, Bytes: f.info.Size()}); err != nil {
			return err
		}
	}
	return nil
}

func send(cmd *cobra.Command, c *client.Client, path string, info fs.FileInfo, u client.Upload) error {
	there, err := c.HasArtifact(cmd.Context(), u)
	if err != nil && job.CodeOf(err) != job.CodeInvalid { // which is said in words only when it is sent
		return err
	}
	if there {
		return nil
	}
	progress := newSendProgress(cmd, filepath.Base(path), info.Size())
	u.Open = func() (io.ReadCloser, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, job.Errorf(job.CodeInvalid, "%w", err)
		}
		progress.restart()
		return &countedFile{file, progress}, nil
	}
	err = c.PutArtifact(cmd.Context(), u)
	progress.end()
	if now, statErr := os.Stat(path); err != nil && (statErr != nil || now.Size() != info.Size() || !now.ModTime().Equal(info.ModTime())) {
		return job.Errorf(job.CodeInvalid, "%s was changed while it was uploaded; submit again when it is not written to", path)
	}
	return err
}

// digestOf reads a file once, and what it was then.
func digestOf(ctx context.Context, path string) (string, fs.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return "", nil, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &stoppable{ctx, file}); err != nil {
		return "", nil, err
	}
	return hex.EncodeToString(sum.Sum(nil)), info, nil
}

// stoppable ends reading with its context.
type stoppable struct {
	ctx  context.Context
	from io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.from.Read(p)
}

// countedFile tells how much of a file was sent.
type countedFile struct {
	*os.File
	progress *sendProgress
}

func (f *countedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.progress.add(n)
	return n, err
}
