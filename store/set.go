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
	// Default serves bare paths, its own scheme without an authority, and hdfs:///,
	// whatever its scheme is: on a local cluster hdfs:///data/x is file:/data/x. It
	// is nil if there is none.
	Default Store
	// Stores serve locations by scheme and authority, the first that fits;
	// Default needs no entry here.
	Stores []Store
	// Aliases are further names of these stores.
	Aliases []Alias
}

// Alias is another name under which Spark finds the files of a store: that of one
// NameNode of a name service, say.
type Alias struct {
	// Name is scheme and authority, "hdfs://nn1:8020".
	Name  string
	Store Store
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
	if loc.InDefault() || loc.Authority == "" && s.Default != nil && s.Default.Scheme() == loc.Scheme {
		return s.Default // an untyped nil when there is none
	}
	for _, st := range append([]Store{s.Default}, s.Stores...) {
		if st != nil && names(st.URL("/"), loc) {
			return st
		}
	}
	for _, a := range s.Aliases {
		if names(a.Name+"/", loc) {
			return a.Store
		}
	}
	return nil
}

// names compares scheme and authority as Hadoop does: without regard to case, and
// with the default ports of HDFS.
func names(root string, loc Location) bool {
	own, err := ParseLocation(root)
	if err != nil {
		panic(fmt.Sprintf("store: the name of a store, %q, is no location: %v", root, err))
	}
	return own.Scheme == loc.Scheme && strings.EqualFold(withPort(own), withPort(loc))
}

// defaultPorts of NameNodes, by scheme.
//
// Source: org.apache.hadoop.hdfs.client.HdfsClientConfigKeys of Hadoop 3.4.
var defaultPorts = map[string]string{"hdfs": ":8020", "webhdfs": ":9870", "swebhdfs": ":9871"}

func withPort(l Location) string {
	if l.Authority != "" && !strings.Contains(l.Authority, ":") {
		return l.Authority + defaultPorts[l.Scheme]
	}
	return l.Authority
}
