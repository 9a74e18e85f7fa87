package hadoop

import (
	"path"
	"strings"
	"unicode/utf8"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// CleanPath returns a path of HDFS as its servers take it, without empty and "."
// segments and without a slash at the end. What HDFS has no names for is an error
// of code invalid: what no store takes, text that is not UTF-8 (Java would put
// other characters in its place) and a ':' in a name.
//
// Source: org.apache.hadoop.hdfs.DFSUtilClient.isValidName.
func CleanPath(p string) (string, error) {
	if err := store.CheckPath(p); err != nil {
		return "", err
	}
	if !utf8.ValidString(p) {
		return "", job.Errorf(job.CodeInvalid, "path %q: is not valid UTF-8, which HDFS needs", job.Head(p, job.MaxWord))
	}
	if strings.Contains(p, ":") {
		return "", job.Errorf(job.CodeInvalid, "path %q: HDFS allows no ':' in names; rename the file", job.Head(p, job.MaxWord))
	}
	return path.Clean(p), nil
}

// InTheWay is the error for a path that needs a directory where a file is.
func InTheWay(op, p string) error {
	return job.Errorf(job.CodeInvalid, "%s %q: a file is in the way of a directory", op, p)
}

// IsDirectory is the error for a directory where a file should be.
func IsDirectory(op, p string) error {
	return job.Errorf(job.CodeInvalid, "%s %q: is a directory, not a file", op, p)
}
