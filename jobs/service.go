package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/logstore"
)

// Cluster is what a front needs of a cluster: its files, not its manager.
type Cluster struct {
	// Files is the default store, in which Root is the cluster's directory and Artifacts
	// that of uploads.
	Files     store.Store
	Root      string
	Artifacts string
	// MaxArtifactBytes bounds one upload.
	MaxArtifactBytes int64
	Logs             *logstore.Store
}

// Options of a Service.
type Options struct {
	Client    client.Client
	Namespace string
	// Clusters by name.
	Clusters map[string]Cluster
	Rules    jobspec.Rules
	// Registry is model-manage's; nil if no jobs come from there.
	Registry Registry
	// WebUI is the address of Temporal's Web UI, "" for no links there.
	WebUI  string
	Logger *slog.Logger
}

// Service is the jobs of an installation.
type Service struct {
	options Options
	archive *index
	spans   spans

	counting sync.Mutex
	counted  map[string]liveCount // by cluster
}

// New makes a Service.
func New(o Options) (*Service, error) {
	if o.Client == nil || o.Logger == nil || len(o.Clusters) == 0 {
		return nil, errors.New("jobs need a temporal client, a logger and at least one cluster")
	}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	return &Service{options: o, archive: newIndex(o.Clusters), counted: map[string]liveCount{}}, nil
}

// workflowID of a job.
func workflowID(id string) string { return job.AttemptOf(id, 1).WorkflowID }

// plainID is what job.Key.Name makes. Another id is refused by gRPC, which sends it in a
// header, too.
var plainID = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// checkID makes sure that an id can be one.
func checkID(id string) error {
	if !plainID.MatchString(id) || job.AttemptOf(id, 1).Validate() != nil {
		return unknown(id)
	}
	return nil
}

func unknown(id string) error {
	return job.Errorf(job.CodeNotFound, "there is no job %q", job.Head(id, 100))
}

// failure makes an error of Temporal one of ours.
func failure(what string, err error) error {
	var invalid *serviceerror.InvalidArgument
	var denied *serviceerror.PermissionDenied
	var namespace *serviceerror.NamespaceNotFound
	var busy *serviceerror.ResourceExhausted
	var inside *serviceerror.Internal
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &invalid):
		return job.Errorf(job.CodeInvalid, "%s: %s", what, job.Head(err.Error(), job.MaxMessage))
	case errors.As(err, &denied):
		return job.Errorf(job.CodeInternal, "%s: temporal refuses this process: %s", what, job.Head(err.Error(), job.MaxMessage))
	case errors.As(err, &namespace):
		return job.Errorf(job.CodeUnavailable, "%s: temporal has no such namespace: %s", what, job.Head(err.Error(), job.MaxMessage))
	case errors.As(err, &busy):
		return job.Errorf(job.CodeUnavailable, "%s: temporal takes no more requests for now: %s", what, job.Head(err.Error(), job.MaxMessage))
	case errors.As(err, &inside):
		return job.Errorf(job.CodeUnavailable, "%s: temporal could not do it: %s", what, job.Head(err.Error(), job.MaxMessage))
	}
	return job.Errorf(job.CodeUnavailable, "%s: temporal cannot be reached: %s", what, job.Head(err.Error(), job.MaxMessage))
}

func isNotFound(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}

func (s *Service) links(id, run string) Links {
	l := Links{Self: "/v1/jobs/" + url.PathEscape(id), Logs: "/v1/jobs/" + url.PathEscape(id) + "/logs"}
	if s.options.WebUI != "" {
		l.WebUI = fmt.Sprintf("%s/namespaces/%s/workflows/%s/%s/history", strings.TrimRight(s.options.WebUI, "/"),
			url.PathEscape(s.options.Namespace), url.PathEscape(workflowID(id)), url.PathEscape(run))
	}
	return l
}

// sourceOf is the source of a job by its id.
func sourceOf(id string) string {
	for _, source := range []string{job.SourceModelManage, job.SourceAPI} {
		if strings.HasPrefix(id, source+"-") {
			return source
		}
	}
	return ""
}
