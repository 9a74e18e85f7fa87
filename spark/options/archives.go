package options

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// archivePath keeps out all that a shell would expand: the launch scripts of YARN have
// these values in double quotes, and "./env/$X" may lead anywhere. The path is clean, so
// it has no "..".
var archivePath = regexp.MustCompile(`^[A-Za-z0-9._+/-]+$`)

// notInArchive says why a value is no program in an archive that is sent along, "" if
// it is one. Anything else would be a program of the cluster's hosts, and the profile
// says which of these runs.
func (r *resolver) notInArchive(value string) string {
	known := r.cluster.Master != AnyMaster
	if !r.clustered() {
		return "an interpreter can be chosen on YARN in cluster mode only, where archives are unpacked beside the program"
	}
	inside, ok := strings.CutPrefix(value, "./")
	name, rest, _ := strings.Cut(inside, "/")
	if !ok || name == "" || rest == "" || path.Clean(inside) != inside || strings.HasPrefix(inside, "..") || !archivePath.MatchString(inside) {
		return "its value must be ./<name>/<path>, an interpreter in one of the job's archives (env.tar.gz#<name>), got " + show(value)
	}
	names := r.unpacked()
	switch {
	case !known, slices.Contains(names, name):
		return ""
	case len(names) == 0:
		return fmt.Sprintf("neither the job nor its profile has an archive %s; list it in archives as env.tar.gz#%s", show(name), show(name))
	}
	return fmt.Sprintf("neither the job nor its profile has an archive %s; there are %s", show(name), strings.Join(names, ", "))
}

// unpacked are the names of the archives' directories. What a job lists replaces
// spark.archives, as an option of spark-submit does.
func (r *resolver) unpacked() []string {
	archives := r.archives
	if len(archives) == 0 {
		archives = strings.Split(r.profile.Conf["spark.archives"], ",")
	}
	var names []string
	for _, archive := range slices.Concat(archives, strings.Split(r.profile.Conf["spark.yarn.dist.archives"], ",")) {
		location, name, named := strings.Cut(strings.TrimSpace(archive), "#")
		if !named {
			name = path.Base(location)
		}
		if location != "" {
			names = append(names, name)
		}
	}
	return names
}
