package jobspec_test

import (
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark/options"
)

var digest = strings.Repeat("ab", 32)

// rules of an installation with a cluster on the worker's host and a real one.
func rules() jobspec.Rules {
	profiles := []options.Profile{{
		Name: "capped", Conf: map[string]string{"spark.yarn.queue": "small"},
		Limits: map[string]string{"spark.executor.memory": "4g"},
	}}
	return jobspec.Rules{
		Clusters: map[string]jobspec.Cluster{
			"laptop": {Spark: options.Cluster{Master: "local[2]", Profiles: profiles}, OnHost: true},
			"lake":   {Spark: options.Cluster{Master: "yarn", DeployMode: "cluster", Profiles: profiles}},
		},
		Default: "lake", FileRoots: []string{"/data", "/srv/jobs"},
		Deadline: time.Hour, MaxDeadline: 24 * time.Hour, RunLimit: 12 * time.Hour, OutageLimit: 2 * time.Hour,
		Retry: job.RetryPolicy{InfrastructureRetries: 2},
	}
}

// valid is a spec without a problem on either cluster.
func valid() jobspec.Spec { return jobspec.Spec{File: "artifact:" + digest + "/job.py"} }

// problems of a spec on a cluster.
func problems(s jobspec.Spec, cluster string) []string {
	_, _, err := jobspec.Convert(s, "ana", cluster, rules())
	return job.ProblemsOf(err)
}
