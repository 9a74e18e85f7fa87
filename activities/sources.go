package activities

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// sourcesArchive packs the model's source code, paths kept, so that driver and
// executors import it alike. The same sources give the same bytes.
func sourcesArchive(m job.Manifest) ([]byte, error) {
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	files := append([]job.SourceFile{m.Primary}, m.Siblings...)
	// Python finds a package without __init__.py in an archive only by an entry
	// for its folder.
	for _, folder := range folders(files) {
		if _, err := archive.CreateHeader(&zip.FileHeader{Name: folder + "/"}); err != nil {
			return nil, job.Errorf(job.CodeInternal, "pack source folder %s: %w", folder, err)
		}
	}
	for _, f := range files {
		// No modification time: it would be the only thing that differs.
		w, err := archive.CreateHeader(&zip.FileHeader{Name: f.Path, Method: zip.Deflate})
		if err == nil {
			_, err = io.WriteString(w, inUTF8(f.Text))
		}
		if err != nil {
			return nil, job.Errorf(job.CodeInternal, "pack source %s: %w", f.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, job.Errorf(job.CodeInternal, "pack sources: %w", err)
	}
	return buffer.Bytes(), nil
}

// cookie is where a source says how it is encoded (PEP 263): in its first line, or
// in the second if the first is empty or a comment.
var cookie = regexp.MustCompile(`^((?:[ \t\f]*(?:#[^\r\n]*)?\r?\n)?[ \t\f]*#[^\r\n]*?coding[:=][ \t]*)([-\w.]+)`)

// inUTF8 makes a source say how it is written here, whatever it was encoded in
// where it came from.
func inUTF8(text string) string { return cookie.ReplaceAllString(text, "${1}utf-8") }

// folders lists every folder above the files, parents first.
func folders(files []job.SourceFile) []string {
	seen := map[string]bool{}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "." && dir != "/"; dir = path.Dir(dir) {
			seen[dir] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// maxRecord bounds the small JSON files of a job directory.
const maxRecord = 1 << 20

func readFile(ctx context.Context, st store.Store, name string) ([]byte, error) {
	return readAtMost(ctx, st, name, maxRecord)
}

// readAtMost reads a whole file, or fails: half a file is never taken for one.
func readAtMost(ctx context.Context, st store.Store, name string, limit int64) ([]byte, error) {
	r, err := st.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // read only: nothing is lost
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, job.Errorf(job.CodeInternal, "%s holds more than %d bytes", name, limit)
	}
	return data, err
}
