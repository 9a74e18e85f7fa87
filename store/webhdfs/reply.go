package webhdfs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

const (
	// mostReply bounds a reply in JSON; a listing is some 300 bytes per entry.
	mostReply = 64 << 20
	// mostError bounds what is read of a refusal: a message with a stack trace.
	mostError = 256 << 10
)

const (
	typeFile      = "FILE"
	typeDirectory = "DIRECTORY"
	typeSymlink   = "SYMLINK"
)

// fileStatus is WebHDFS' FileStatus.
type fileStatus struct {
	// PathSuffix is the name in a listing, else "".
	PathSuffix string `json:"pathSuffix"`
	Type       string `json:"type"`
	// Length in bytes.
	Length *int64 `json:"length"`
	// ModificationTime in ms since 1970.
	ModificationTime int64 `json:"modificationTime"`
	// Permission is octal.
	Permission string `json:"permission"`
	// FileID is a file's own number, which it keeps when it is renamed; 0 where a
	// gateway leaves it out.
	FileID uint64 `json:"fileId"`
}

func (f *fileStatus) check() error {
	if f == nil || f.Length == nil || *f.Length < 0 {
		return errors.New("the reply is no file status")
	}
	switch f.Type {
	case typeFile, typeDirectory, typeSymlink:
		return nil
	default:
		return fmt.Errorf("the reply names a type of file that there is not: %.50q", f.Type)
	}
}

func (f *fileStatus) info(path string) store.Info {
	mode, _ := f.mode() // without one nobody is said to have a right
	return store.Info{
		Path: path, Size: *f.Length, Dir: f.Type == typeDirectory, ModTime: time.UnixMilli(f.ModificationTime), Mode: mode,
	}
}

// mode are the permission bits; the sticky bit stands before them.
func (f *fileStatus) mode() (fs.FileMode, error) {
	bits, err := strconv.ParseUint(f.Permission, 8, 32)
	return fs.FileMode(bits).Perm(), err
}

func (f *fileStatus) hasMode(mode fs.FileMode) bool {
	own, err := f.mode()
	return err == nil && own == mode.Perm()
}

// boolean is WebHDFS' answer of operations that do or don't.
type boolean struct {
	Boolean *bool `json:"boolean"`
}

func (b boolean) given() error {
	if b.Boolean == nil {
		return errors.New("the reply doesn't say whether it was done")
	}
	return nil
}

func (b boolean) mustBe(want bool) error {
	if err := b.given(); err != nil {
		return err
	}
	if *b.Boolean != want {
		return errors.New("the server says that it was not done, and not why")
	}
	return nil
}

// decode reads a reply in JSON into what out points to; nothing into nil. A body
// without a single byte leaves out as it is.
func decode(r *http.Response, out any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, mostReply+1))
	if err != nil {
		return fmt.Errorf("the reply was cut off: %w", err)
	}
	if len(body) > mostReply {
		return fmt.Errorf("the reply is larger than %d MiB", mostReply>>20)
	}
	if len(body) == 0 || out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("the reply is %s, not the JSON of WebHDFS; something else may be listening there: %.100q", contentType(r), hadoop.Redact(string(body[:min(len(body), 100)])))
	}
	return nil
}

// refusal is the error in a reply that is none of success: an Exception if the
// server says which.
func refusal(r *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, mostError))
	var reply struct {
		RemoteException *struct {
			Exception     string `json:"exception"`
			JavaClassName string `json:"javaClassName"`
			Message       string `json:"message"`
		}
	}
	if err == nil && json.Unmarshal(body, &reply) == nil && reply.RemoteException != nil {
		e := reply.RemoteException
		class := e.JavaClassName
		if class == "" {
			class = e.Exception
		}
		if class != "" {
			return hadoop.NewException(class, e.Message)
		}
	}
	if r.StatusCode == http.StatusUnauthorized {
		return hadoop.NewException("AuthenticationException", "the server wants another authentication: "+r.Header.Get("WWW-Authenticate"))
	}
	return fmt.Errorf("HTTP %s with %s, which WebHDFS never says; something else may be listening there", job.Head(r.Status, job.MaxWord), contentType(r))
}

func contentType(r *http.Response) string {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "text of no known type"
	}
	return job.Head(strings.ToLower(kind), job.MaxWord)
}
