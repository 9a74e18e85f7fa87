package yarn

import (
	"net/url"
	"path"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

// configured resolves files that the operator's configuration names, as spark-submit
// does: a pattern stands for all files that match it, and a path without a scheme is
// one of the host that submits, which goes into the staging directory.
//
// Source: org.apache.spark.util.DependencyUtils.resolveGlobPaths and
// org.apache.spark.deploy.yarn.Client.prepareLocalResources of Spark 3.5.
func (r *resolving) configured(l listed) []submission.Resource {
	var all []submission.Resource
	for _, name := range l.names {
		before := len(r.errs)
		found := r.pattern(l.from, name)
		if len(found) == 0 && len(r.errs) == before {
			r.refusef("%s: no file is %s", l.from, name)
		}
		all = append(all, found...)
	}
	for i := range all {
		all[i].From = l.from
	}
	return all
}

func (r *resolving) refusef(format string, args ...any) {
	r.errs = append(r.errs, job.Errorf(job.CodeInvalid, format, args...))
}

// pattern resolves one entry of a list; none if nothing matches it.
func (r *resolving) pattern(from, name string) []submission.Resource {
	if strings.HasPrefix(name, schemeLocal) {
		return []submission.Resource{{URL: name}}
	}
	location, alias, _ := strings.Cut(name, "#")
	scheme, rest, isURL := strings.Cut(location, ":")
	onHost := !isURL || scheme == "file" && r.b.opts.Store.Scheme() != "file"
	if !isURL {
		rest = location
	}
	authority := ""
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		authority, rest, _ = strings.Cut(after, "/")
		rest = "/" + rest
	}
	if isURL {
		decoded, err := url.PathUnescape(rest)
		if err != nil {
			r.refusef("%s: %s is no URL", from, name)
			return nil
		}
		rest = decoded
	}
	var found []submission.Resource
	switch {
	case onHost:
		found = r.onHost(from, rest, alias)
	case !r.serves(scheme, authority):
		r.refusef("%s: %s is not in the cluster's file system (%s); only files there can be sent along", from, name, r.b.opts.Store.URL("/"))
	default:
		found = r.matching(from, rest, alias)
	}
	if alias != "" && len(found) > 1 {
		r.refusef("%s: %s are %d files, which cannot have one name", from, name, len(found))
	}
	return found
}

// matching resolves a pattern in the cluster's file system.
func (r *resolving) matching(from, pattern, alias string) []submission.Resource {
	matches, err := r.b.opts.Store.Glob(r.ctx, path.Clean(pattern))
	if err != nil {
		r.errs = append(r.errs, unreachable(from+": look for "+pattern, err))
		return nil
	}
	var found []submission.Resource
	for _, match := range matches {
		if !match.Dir {
			found = append(found, r.resource(match, alias))
		}
	}
	return found
}
