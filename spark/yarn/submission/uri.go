package submission

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stoker-spark/stoker/job"
)

const (
	schemeLocal = "local"
	schemeFile  = "file"
)

// location is the URL of a resource, decoded.
type location struct {
	scheme, authority, path, fragment string
}

// notDistributed are schemes that name something which YARN's nodes cannot fetch.
var notDistributed = map[string]string{
	"http":  "is not in a Hadoop file system",
	"https": "is not in a Hadoop file system",
	"ftp":   "is not in a Hadoop file system",
	"ivy":   "is a package, which nobody resolves here",
}

func parseLocation(raw string) (location, error) {
	u, err := url.Parse(raw)
	switch {
	case !utf8.ValidString(raw), strings.ContainsFunc(raw, unicode.IsControl):
		return location{}, errors.New("has characters that no URL has")
	case err != nil, u.Opaque != "":
		return location{}, errors.New("is no URL")
	case u.Scheme == "":
		return location{}, errors.New("has no scheme such as hdfs")
	case u.RawQuery != "" || u.ForceQuery:
		return location{}, errors.New("has a query; write %3F for a ? in a name")
	}
	l := location{scheme: u.Scheme, authority: u.Host, path: squeeze(u.Path), fragment: u.Fragment}
	if u.User != nil {
		l.authority = u.User.String() + "@" + u.Host
	}
	if why, ok := notDistributed[l.scheme]; ok {
		return location{}, errors.New(why)
	}
	switch {
	case (l.isLocal() || l.scheme == schemeFile) && l.authority != "":
		return location{}, fmt.Errorf("names a host; %s: files are the same on every node", l.scheme)
	case !l.isLocal() && l.scheme != schemeFile && l.authority == "":
		return location{}, fmt.Errorf("does not say which file system; write %s://<host>/…", l.scheme)
	case !strings.HasPrefix(l.path, "/"), strings.HasSuffix(l.path, "/"):
		return location{}, errors.New("names no file")
	case path.Clean(l.path) != l.path:
		return location{}, errors.New("has . or .. in its path")
	}
	return l, nil
}

// squeeze joins repeated slashes, as Hadoop does.
func squeeze(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

func (l location) isLocal() bool { return l.scheme == schemeLocal }

// base is the last element of the path.
func (l location) base() string { return path.Base(l.path) }

// String is the URI without its fragment, escaped as java.net.URI does it: what
// nodes compare and fetch.
func (l location) String() string {
	if l.authority == "" {
		return l.scheme + ":" + escapeURI(l.path, inPath)
	}
	return l.scheme + "://" + l.authority + escapeURI(l.path, inPath)
}

// named is the URI with a fragment.
func (l location) named(name string) string { return l.String() + "#" + escapeURI(name, inFragment) }

// withAlias is how spark-submit is told of the resource: with a fragment only if
// the name is not the file's own.
func (l location) withAlias(name string) string {
	if name == l.base() {
		return l.String()
	}
	return l.named(name)
}

const (
	unreserved = "_-!.~'()*"
	inPath     = unreserved + ",;:$&+=@/"
	inFragment = unreserved + ";/?:@&=+$,[]"
)

// escapeURI escapes what java.net.URI's constructors escape: ASCII that is neither
// alphanumeric nor legal, spaces and control characters of any kind; other
// characters stay as they are.
func escapeURI(s, legal string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf && (isAlphanumeric(r) || strings.ContainsRune(legal, r)),
			r >= utf8.RuneSelf && !unicode.Is(unicode.Z, r) && !unicode.IsControl(r):
			b.WriteRune(r)
		default:
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
	}
	return b.String()
}

func isAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// show quotes somebody's text for a message.
func show(s string) string { return fmt.Sprintf("%q", job.Head(s, 200)) }
