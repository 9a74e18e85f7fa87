package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

// compare makes sure that --master and --deploy-mode, where they are given, are what the
// job's cluster has: they choose nothing, so another one would be another job than was
// meant.
func (s *submission) compare(ctx context.Context, c *client.Client) error {
	if s.master == "" && s.deployMode == "" {
		return nil
	}
	all, err := c.Clusters(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Name == s.Cluster || s.Cluster == "" && one.Default {
			return s.compareWith(one, all)
		}
	}
	return nil // which the server says in better words
}

func (s *submission) compareWith(own jobs.ClusterView, all []jobs.ClusterView) error {
	if own.Master == "" {
		return fmt.Errorf("the server does not say what master cluster %s has; leave out --master and --deploy-mode", plainLine(own.Name))
	}
	fits := func(asked, is string) bool { return asked == "" || asked == is }
	var others, problems []string
	for _, one := range all {
		if fits(s.master, one.Master) && fits(s.deployMode, one.DeployMode) {
			others = append(others, plainLine(one.Name))
		}
	}
	instead := "leave it out"
	if len(others) > 0 {
		instead += ", or choose with --cluster one that has what was asked for: " + strings.Join(others, ", ")
	}
	if !fits(s.master, own.Master) {
		problems = append(problems, fmt.Sprintf("--master: asks for %s, cluster %s has %s; %s", s.master, plainLine(own.Name), plainLine(own.Master), instead))
	}
	if !fits(s.deployMode, own.DeployMode) {
		problems = append(problems, fmt.Sprintf("--deploy-mode: asks for %s, cluster %s has %s; %s", s.deployMode, plainLine(own.Name), plainLine(own.DeployMode), instead))
	}
	if len(problems) > 0 {
		return job.Invalid("the job asks for another cluster than it would run on", problems)
	}
	return nil
}
