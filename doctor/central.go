package doctor

import (
	"context"

	"github.com/stoker-spark/stoker/job"
)

// Temporal is what is asked of a Temporal server.
type Temporal interface {
	// Reach says hello.
	Reach(ctx context.Context) error
	// Namespace looks the namespace up; not_found if there is none.
	Namespace(ctx context.Context) error
	// SearchAttributes says which of them the namespace lacks.
	SearchAttributes(ctx context.Context) error
}

// OfTemporal are the checks of a Temporal server at an address, and of the
// namespace that this installation works in.
func OfTemporal(address, namespace string, t Temporal) []Check {
	const group, server, space = "Temporal", "server", "namespace"
	return []Check{
		{Group: group, Name: server, Run: func(ctx context.Context) Finding {
			if err := t.Reach(ctx); err != nil {
				return fail("start it, or set TEMPORAL_ADDRESS (and TEMPORAL_TLS, TEMPORAL_API_KEY, TEMPORAL_PROFILE as it needs them)",
					"%s cannot be reached: %v", address, err)
			}
			return ok("%s answers", address)
		}},
		{Group: group, Name: space, Needs: server, Run: func(ctx context.Context) Finding {
			err := t.Namespace(ctx)
			switch {
			case err == nil:
				return ok("%s", namespace)
			case job.CodeOf(err) == job.CodeNotFound:
				return fail("temporal operator namespace create --namespace "+namespace+", or set TEMPORAL_NAMESPACE", "%s does not exist", namespace)
			}
			return fail("see that this user may use the namespace, or set TEMPORAL_NAMESPACE", "%s: %v", namespace, err)
		}},
		{Group: group, Name: "search attributes", Needs: space, Run: func(ctx context.Context) Finding {
			if err := t.SearchAttributes(ctx); err != nil {
				return fail("stoker admin init", "%v", err)
			}
			return ok("all there")
		}},
	}
}

// OfDeployment is the check of worker versioning: jobs run only on the version that is
// current, "" being none.
func OfDeployment(name, buildID string, current func(ctx context.Context) (buildID string, err error)) []Check {
	return []Check{{Group: "Temporal", Name: "worker version", Needs: "namespace", Run: func(ctx context.Context) Finding {
		set := "temporal worker deployment set-current-version --deployment-name " + name + " --build-id " + buildID
		is, err := current(ctx)
		switch {
		case job.CodeOf(err) == job.CodeNotFound:
			return fail("start a worker of it, then "+set, "deployment %s is not there: versioning is on, and no worker of it has ever run", name)
		case err != nil:
			return fail("see the server's log; it may be too old for worker deployments", "deployment %s cannot be looked up: %v", name, err)
		case is == "":
			return fail(set, "deployment %s has no current version, so no job goes on", name)
		case is != buildID:
			return warn(set, "%s is current in deployment %s, and this configuration is %s", is, name, buildID)
		}
		return ok("%s is current in deployment %s", is, name)
	}}}
}

// ModelManage is what is asked of model-manage.
type ModelManage interface {
	// List reads the first page of jobs.
	List(ctx context.Context) error
}

// OfModelManage are the checks of model-manage at a URL.
func OfModelManage(url string, m ModelManage) []Check {
	return []Check{{Group: "model-manage", Name: "jobs", Run: func(ctx context.Context) Finding {
		err := m.List(ctx)
		switch {
		case err == nil:
			return ok("%s lists them", url)
		case job.CodeOf(err) == job.CodeUnauthorized:
			return fail("put a token with the right to read and write jobs into modelManage.tokenFile", "%s: %v", url, err)
		case job.CodeOf(err) == job.CodeNotFound, job.CodeOf(err) == job.CodeInvalid:
			return fail("set modelManage.baseUrl, .prefix and .jobsPath to where the jobs are", "%s: %v", url, err)
		}
		return fail("start it, or set modelManage.baseUrl", "%s: %v", url, err)
	}}}
}
