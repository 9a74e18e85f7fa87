package store

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stoker-spark/stoker/job"
)

// Location is a file, directory or glob pattern as a job names it.
type Location struct {
	// Scheme is in lower case, "" for a bare path.
	Scheme string
	// Authority is a host with an optional port, a name service or a bucket;
	// "" for a bare path, for file: and for hdfs:///.
	Authority string
	// Path is absolute, without empty and "." segments and without a '/' at the
	// end, and otherwise as it was given: "%20", '?' and '#' are characters of a
	// name like any other.
	Path string
}

// ParseLocation reads a bare absolute path ("/data/x") or a URL ("file:/x",
// "file:///x", "hdfs:///x", "hdfs://nn:8020/x", "s3a://bucket/key") as Hadoop's
// org.apache.hadoop.fs.Path does: nothing is percent-decoded, and there is no
// query and no fragment.
//
// Anything else is an error of code invalid that says what to write instead: an
// empty or relative path, text that isn't UTF-8, control characters, and a ".."
// segment, which Hadoop would resolve and which is therefore refused, so that
// what is checked and shown is what is read.
func ParseLocation(raw string) (Location, error) {
	refuse := func(format string, args ...any) (Location, error) {
		return Location{}, job.Errorf(job.CodeInvalid, "location %s: %s", quote(raw), fmt.Sprintf(format, args...))
	}
	if strings.TrimSpace(raw) == "" {
		return Location{}, job.Errorf(job.CodeInvalid, "location is empty: give an absolute path or a URL such as hdfs:///data/x.csv")
	}
	if !utf8.ValidString(raw) {
		return refuse("is not valid UTF-8")
	}
	if i := strings.IndexFunc(raw, unicode.IsControl); i >= 0 {
		return refuse("has a control character at byte %d; rename the file", i)
	}

	// As in Hadoop, a colon before the first slash ends a scheme.
	scheme, rest := "", raw
	if colon := strings.IndexByte(raw, ':'); colon >= 0 {
		if slash := strings.IndexByte(raw, '/'); slash < 0 || colon < slash {
			scheme, rest = strings.ToLower(raw[:colon]), raw[colon+1:]
			if !validScheme(scheme) {
				return refuse("%q is not a URL scheme; a path must begin with '/'", raw[:colon])
			}
		}
	}

	var authority string
	if strings.HasPrefix(rest, "//") {
		if scheme == "" {
			return refuse("begins with '//', which Hadoop reads as a host name; begin with one '/'")
		}
		authority, rest = rest[2:], ""
		if i := strings.IndexByte(authority, '/'); i >= 0 {
			authority, rest = authority[:i], authority[i:]
		}
		if rest == "" && authority != "" {
			rest = "/"
		}
	}
	switch {
	case !strings.HasPrefix(rest, "/"):
		return refuse("the path is not absolute; it must begin with '/'")
	case scheme == "file" && authority != "":
		return refuse("file: takes no host; write file:/path")
	case authority == "" && needsAuthority(scheme):
		return refuse("%s: needs a host or bucket, as in %s://name/path", scheme, scheme)
	case hasDotDot(rest):
		return refuse(`has a ".." segment; write the path without it`)
	}
	return Location{Scheme: scheme, Authority: authority, Path: tidy(rest)}, nil
}

// InDefault reports whether the location is one of the forms for the cluster's
// default file system: a bare path, or hdfs: without an authority.
func (l Location) InDefault() bool {
	return l.Authority == "" && (l.Scheme == "" || l.Scheme == "hdfs")
}

// String is the location in the shortest form that ParseLocation reads back.
func (l Location) String() string {
	switch {
	case l.Scheme == "":
		return l.Path
	case l.Authority == "" && l.Scheme == "file":
		return "file:" + l.Path
	default:
		return l.Scheme + "://" + l.Authority + l.Path
	}
}

// HasGlob reports whether a path has characters that Hadoop's glob syntax gives
// a meaning to.
func HasGlob(path string) bool { return strings.ContainsAny(path, `*?[{\`) }

// needsAuthority: of these schemes Hadoop may know a default file system; the
// others name nothing without a host or bucket.
func needsAuthority(scheme string) bool {
	switch scheme {
	case "", "file", "local", "hdfs", "viewfs", "webhdfs", "swebhdfs":
		return false
	}
	return true
}

func validScheme(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z'
		later := c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'
		if !letter && (i == 0 || !later) {
			return false
		}
	}
	return s != ""
}

// hasDotDot also sees the two disguises that Hadoop's globber takes off before
// it resolves a path: a backslash before the dots, and alternatives in braces.
func hasDotDot(path string) bool {
	plain := strings.ReplaceAll(path, `\`, "")
	segments := strings.Split(plain, "/")
	if strings.Contains(plain, "{") {
		segments = append(segments, strings.FieldsFunc(plain, func(r rune) bool { return strings.ContainsRune("/{,}", r) })...)
	}
	for _, s := range segments {
		if s == ".." {
			return true
		}
	}
	return false
}

// tidy takes out empty and "." segments, as Hadoop does.
func tidy(path string) string {
	kept := make([]string, 0, strings.Count(path, "/"))
	for s := range strings.SplitSeq(path, "/") {
		if s != "" && s != "." {
			kept = append(kept, s)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// quote shows a string from outside in a message, in bounded length.
func quote(s string) string {
	const most = 300
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q… (%d bytes)", s[:cut], len(s))
}
