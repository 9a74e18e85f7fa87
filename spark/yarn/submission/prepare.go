package submission

import (
	"slices"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// Names in a container's directory and in the archive of configuration files.
const (
	linkConf    = "__spark_conf__"
	linkLibs    = "__spark_libs__"
	linkApp     = "__app__.jar"
	dirPyFiles  = "__pyfiles__"
	dirHadoop   = "__hadoop_conf__"
	fileArchive = linkConf + ".zip"
	fileConf    = "__spark_conf__.properties"
	fileCache   = "__spark_dist_cache__.properties"
	fileHadoop  = "__spark_hadoop_conf__.xml"
)

// What a NodeManager replaces.
const (
	workDir   = "{{PWD}}"
	logDir    = "<LOG_DIR>"
	separator = "<CPS>"
)

// Plan is an application that lacks only the upload of its archive.
type Plan struct {
	// Archive of configuration files, a zip, the same for the same Input. It may
	// hold secrets: write it with mode 600 or into a directory of mode 700.
	Archive []byte
	// ArchiveURL is where it must be written.
	ArchiveURL string
	// Warnings are for the operator: what of his configuration is ignored, or does not do
	// what it seems to.
	Warnings []string

	request rm.SubmissionContext
}

// Prepare checks an input and computes everything. The error is invalid and lists
// all problems, each with the field or key that it is in.
func Prepare(in Input) (*Plan, error) {
	b := newBuilder(in)
	b.identity()
	b.settle()
	b.distribute()
	b.container()
	b.secrets()
	if len(b.list) > 0 {
		return nil, job.Invalid("the application cannot be submitted to YARN", slices.Compact(b.list))
	}
	archive, err := b.archive()
	if err != nil {
		return nil, err
	}
	return &Plan{
		Archive: archive, ArchiveURL: b.staging + "/" + fileArchive, Warnings: b.warnings,
		request: b.request,
	}, nil
}

// Context is the request for the ResourceManager, once the archive is in the
// store. An archive that is not the plan's is a conflict.
func (p *Plan) Context(archive Uploaded) (rm.SubmissionContext, error) {
	l, err := parseLocation(archive.URL)
	switch {
	case err != nil || l.String() != p.ArchiveURL:
		return rm.SubmissionContext{}, job.Errorf(job.CodeInvalid, "the archive of configuration files is at %s, not at %s",
			show(archive.URL), p.ArchiveURL)
	case archive.Size != int64(len(p.Archive)):
		return rm.SubmissionContext{}, job.Errorf(job.CodeConflict, "%s has %d bytes, not %d: somebody else wrote it, or the upload broke off",
			p.ArchiveURL, archive.Size, len(p.Archive))
	case archive.Modified <= 0:
		return rm.SubmissionContext{}, job.Errorf(job.CodeInvalid, "%s has no modification time", p.ArchiveURL)
	}
	request := p.request
	request.Container.LocalResources = rm.Map[rm.LocalResource]{}
	for name, r := range p.request.Container.LocalResources {
		request.Container.LocalResources[name] = r
	}
	request.Container.LocalResources[linkConf] = rm.LocalResource{
		URL: p.ArchiveURL, Type: rm.TypeArchive, Visibility: rm.VisibilityPrivate, Size: archive.Size, Timestamp: archive.Modified,
	}
	return request, nil
}

// builder computes a plan, step by step.
type builder struct {
	problems
	warnings []string
	in       Input
	conf     settings
	python   bool
	// staging is the staging directory's URL.
	staging string
	places  places
	// hadoop is the merged Hadoop configuration.
	hadoop  map[string]string
	request rm.SubmissionContext
}

func newBuilder(in Input) *builder {
	b := &builder{in: in, places: newPlaces()}
	b.conf = settings{problems: &b.problems, values: map[string]string{}, env: in.Env, read: map[string]bool{}}
	return b
}

func (b *builder) warnf(format string, args ...any) {
	p := problems{list: b.warnings}
	p.problemf(format, args...)
	b.warnings = p.list
}
