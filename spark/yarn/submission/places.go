package submission

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// places is where resources lie in the containers' directories.
type places struct {
	// resources of the application master's container, by link name.
	resources rm.Map[rm.LocalResource]
	// cached are those that executors get too, in order.
	cached []cached
	// links are the link names of resources by what a NodeManager tells them apart by.
	links map[string]string
	// uris and file names that were given before, the latter with the field that the first
	// is in: Spark compares file names, not link names.
	uris  map[string]bool
	names map[string]string
}

type cached struct {
	uri      string // with the link name as its fragment
	resource rm.LocalResource
}

func newPlaces() places {
	return places{resources: rm.Map[rm.LocalResource]{}, links: map[string]string{}, uris: map[string]bool{}, names: map[string]string{}}
}

// manner is how a resource is to be placed.
type manner struct {
	// field of the input, for messages.
	field string
	// archive is unpacked.
	archive bool
	// link name, instead of the resource's own.
	link string
	// dir in front of the link name.
	dir string
	// masterOnly: executors do not get it.
	masterOnly bool
	// evenAgain: a file of the same name given before does not matter, only its link
	// name.
	evenAgain bool
}

// placed is what became of a resource.
type placed struct {
	location
	// name is the resource's own link name; link is where it lies, with its
	// directory, "" if it lies nowhere.
	name, link string
	// repeated: the same URL, or another with the same file name, was given before.
	// Spark passes over it.
	repeated bool
	// namesake is the field of another file with the same file name, if that is why.
	namesake string
}

// place puts a resource into the containers' directories, unless it is local:. ok is
// false if there is a problem with it.
func (b *builder) place(r Resource, how manner) (p placed, ok bool) {
	l, err := parseLocation(r.URL)
	if err != nil {
		b.problemf("%s: %s %v", how.field, show(r.URL), err)
		return placed{}, false
	}
	if l.scheme == schemeFile && !strings.HasPrefix(b.staging, schemeFile+":") {
		b.problemf("%s: %s is on the host that submits, not on the cluster", how.field, show(r.URL))
		return placed{}, false
	}
	p = placed{location: l, name: linkName(r, l)}
	if problem := nameProblem(p.name); problem != "" {
		b.problemf("%s: the name %s %s", how.field, show(p.name), problem)
		return p, false
	}
	if problem := pathProblem(l.path); problem != "" {
		b.problemf("%s: %s %s", how.field, show(r.URL), problem)
		return p, false
	}
	if l.isLocal() {
		return p, true
	}
	if r.Size < 0 || r.Modified <= 0 {
		b.problemf("%s: %s has no size or no modification time", how.field, show(r.URL))
		return p, false
	}
	uri, namesake := l.withAlias(p.name), b.places.names[l.base()]
	p.repeated = b.places.uris[uri] || namesake != ""
	if !b.places.uris[uri] {
		p.namesake = namesake
	}
	b.places.uris[uri] = true
	if namesake == "" {
		b.places.names[l.base()] = how.field
	}
	if p.repeated && !how.evenAgain {
		return p, true
	}

	p.link = path.Join(how.dir, p.name)
	if how.link != "" {
		p.link = how.link
	} else if isReserved(p.link, how.dir) {
		b.problemf("%s: the name %s is for Spark's and YARN's own files", how.field, show(p.link))
		return p, false
	}
	if before, taken := b.places.resources[p.link]; taken {
		if how.masterOnly && before.URL == l.String() {
			return p, true // everyone gets it already
		}
		b.problemf("%s: the name %s is taken by another file", how.field, show(p.link))
		return p, false
	}
	resource := rm.LocalResource{
		URL: l.String(), Type: rm.TypeFile, Visibility: rm.VisibilityPrivate, Size: r.Size, Timestamp: r.Modified,
	}
	if how.archive {
		resource.Type = rm.TypeArchive
	}
	if r.Public {
		resource.Visibility = rm.VisibilityPublic
	}
	// A NodeManager may make only one of the links to what is one resource to it.
	same := string(resource.Type) + " " + resource.URL
	if before, twice := b.places.links[same]; twice {
		b.problemf("%s: %s is there as %s already; copy the file to have it under two names", how.field, show(r.URL), show(before))
		return p, false
	}
	b.places.links[same] = p.link
	b.places.resources[p.link] = resource
	if !how.masterOnly {
		b.places.cached = append(b.places.cached, cached{uri: l.named(p.link), resource: resource})
	}
	return p, true
}

func linkName(r Resource, l location) string {
	switch {
	case r.Name != "":
		return r.Name
	case l.fragment != "":
		return l.fragment
	}
	return l.base()
}

// isReserved: names that Spark and the NodeManager use themselves.
func isReserved(link, dir string) bool {
	first, _, _ := strings.Cut(link, "/")
	return dir == "" && slices.Contains([]string{
		linkConf, linkLibs, linkApp, dirPyFiles, "launch_container.sh", "container_tokens",
		"default_container_executor.sh", "default_container_executor_session.sh", "tmp", "sysfs",
	}, first)
}

// nameProblem says why YARN could not link a file under a name, or Spark not list it.
func nameProblem(name string) string {
	switch {
	case name == "", strings.HasPrefix(name, "/"), path.Clean(name) != name, name == "..", strings.HasPrefix(name, "../"), name == ".":
		return "does not stay in the container's directory"
	case strings.ContainsRune(name, ','):
		return "has a comma, which separates files in Spark's lists"
	case strings.ContainsAny(name, "\"$`\\"):
		return "has a quote, dollar sign or backslash, which YARN's launch script does not quote"
	case strings.Contains(name, "{{"), strings.Contains(name, "}}"):
		return "has doubled braces, which YARN replaces"
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return "has control characters"
	}
	return ""
}

// pathProblem says the same of the path, of which the last element is a name too.
func pathProblem(p string) string {
	if strings.ContainsRune(p, ',') {
		return "has a comma, which separates files in Spark's lists"
	}
	if base := path.Base(p); strings.ContainsAny(base, "\"$`\\") {
		return "has a quote, dollar sign or backslash in its name, which YARN's launch script does not quote"
	}
	return ""
}

// field names an element of the input in messages.
func field(name string, i int) string { return fmt.Sprintf("%s[%d]", name, i) }

// fieldOf is field for a list of which the operator may name a part: the job's own are
// counted alone.
func fieldOf(name string, list []Resource, i int) string {
	if list[i].From != "" {
		return list[i].From
	}
	own := 0
	for _, r := range list[:i] {
		if r.From == "" {
			own++
		}
	}
	return field(name, own)
}

// passOver is for what Spark leaves out with a warning on the console of who submits,
// because it was given before. Another file than meant is no good to a job, and nobody would
// see the warning, so that is a problem; but not of the operator's files, whose operator
// sees warnings, nor of parts of Spark, of which a job gets the cluster's.
func (b *builder) passOver(field string, r Resource, p placed) {
	if p.namesake != "" && r.From == "" && !strings.HasPrefix(p.namesake, fieldRuntime) {
		b.problemf("%s: %s has the file name of %s, and Spark leaves out the second of two; rename one", field, p, p.namesake)
		return
	}
	b.warnf("%s: %s is left out, a file of this name is there already", field, p)
}

// fieldRuntime begins the fields of Spark's own files.
const fieldRuntime = "runtime."
