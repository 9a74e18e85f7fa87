package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// ErrNoStore says that no store of a Set serves a location.
var ErrNoStore = errors.New("no store for this location")

// Set is the stores that one cluster can reach.
type Set struct {
	// Default serves bare paths and hdfs:///, whatever its scheme is: on a
	// local cluster hdfs:///data/x is file:/data/x. It is nil if there is none.
	Default Store
	// Stores serve locations by scheme and authority, the first that fits;
	// Default needs no entry here.
	Stores []Store
}

// Resolve finds the store that serves a location, and the path in it.
//
// A location that can't be read is an error of code invalid; one that no store
// serves answers errors.Is with ErrNoStore and has code invalid, too.
func (s Set) Resolve(raw string) (Store, string, error) {
	loc, err := ParseLocation(raw)
	if err != nil {
		return nil, "", err
	}
	if st := s.serving(loc); st != nil {
		return st, loc.Path, nil
	}
	what := "the cluster's default file system"
	if !loc.InDefault() {
		what = Location{Scheme: loc.Scheme, Authority: loc.Authority}.String()
	}
	return nil, "", job.Errorf(job.CodeInvalid, "location %s: %w: this cluster has no store for %s", quote(raw), ErrNoStore, what)
}

// CanonicalURL is the URL that Spark is given for a location: the URL of the
// store that serves it or, if none does, the location as it came. Only a
// location that can't be read is an error, of code invalid.
func (s Set) CanonicalURL(raw string) (string, error) {
	loc, err := ParseLocation(raw)
	if err != nil {
		return "", err
	}
	if st := s.serving(loc); st != nil {
		return st.URL(loc.Path), nil
	}
	return raw, nil
}

func (s Set) serving(loc Location) Store {
	if loc.InDefault() {
		return s.Default // an untyped nil when there is none
	}
	for _, st := range append([]Store{s.Default}, s.Stores...) {
		if st != nil && serves(st, loc) {
			return st
		}
	}
	return nil
}

// serves compares scheme and authority as Hadoop does: without regard to case,
// and with hdfs' default port.
func serves(st Store, loc Location) bool {
	if st.Scheme() != loc.Scheme {
		return false
	}
	own, err := ParseLocation(st.URL("/"))
	if err != nil {
		panic(fmt.Sprintf("store: a store of scheme %q makes a URL that is no location: %v", st.Scheme(), err))
	}
	return strings.EqualFold(withPort(own), withPort(loc))
}

func withPort(l Location) string {
	const namenodePort = ":8020"
	if l.Scheme == "hdfs" && l.Authority != "" && !strings.Contains(l.Authority, ":") {
		return l.Authority + namenodePort
	}
	return l.Authority
}
