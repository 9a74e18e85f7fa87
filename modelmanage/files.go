package modelmanage

import (
	"encoding/base64"
	"errors"
	"path"
	"strings"
)

const (
	maxFileName = 255
	maxFilePath = 1000
)

// nameProblem says why a name can be no file in a directory, or "".
func nameProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == "." || name == "..":
		return "is a directory"
	case len(name) > maxFileName:
		return "is longer than 255 bytes"
	case strings.ContainsAny(name, `/\`):
		return "leaves the directory: it holds a path"
	case strings.ContainsFunc(name, isControl):
		return "holds a control character"
	}
	return ""
}

// sourcePath returns a relative path of a source file without a leading "./",
// and why it is unsafe, or "".
func sourcePath(p string) (string, string) {
	for strings.HasPrefix(p, "./") {
		p = p[2:]
	}
	if len(p) > maxFilePath {
		return "", "is longer than 1000 bytes"
	}
	if strings.HasPrefix(p, "/") {
		return "", "is absolute"
	}
	for part := range strings.SplitSeq(p, "/") {
		if problem := nameProblem(part); problem != "" {
			if part == ".." {
				problem = "leaves the directory"
			}
			return "", problem
		}
	}
	return p, ""
}

// externalName is a safe file name for an asset that stays where it is: nothing
// is written under it.
func externalName(asset map[string]any) string {
	for _, key := range []string{"filename", "name", "fileUrl"} {
		if name := path.Base(strings.TrimRight(text(asset[key]), "/")); nameProblem(name) == "" {
			return name
		}
	}
	return "asset"
}

var errBase64 = errors.New("is not base64")

// decodeBase64 reads standard base64, and tolerates the URL-safe alphabet, white
// space between lines and missing padding.
func decodeBase64(s string) ([]byte, error) {
	s = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, s)
	data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil, errBase64
	}
	return data, nil
}
