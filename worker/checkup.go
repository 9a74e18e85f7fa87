package worker

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/doctor"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/modelmanage"
	"github.com/stoker-spark/stoker/spark/local"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/store/webhdfs"
)

// CheckTemporal makes the checks of a Temporal server. The client may be one that
// has not connected yet.
func CheckTemporal(c client.Client, address, namespace string) []doctor.Check {
	return doctor.OfTemporal(address, namespace, temporalServer{client: c, namespace: namespace})
}

type temporalServer struct {
	client    client.Client
	namespace string
}

func (t temporalServer) Reach(ctx context.Context) error {
	_, err := t.client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

func (t temporalServer) Namespace(ctx context.Context) error {
	_, err := t.client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: t.namespace})
	var missing *serviceerror.NamespaceNotFound
	if errors.As(err, &missing) {
		return job.Errorf(job.CodeNotFound, "%w", err)
	}
	return err
}

func (t temporalServer) SearchAttributes(ctx context.Context) error {
	return CheckNamespace(ctx, t.client, t.namespace)
}

// CheckDeployment makes the check of worker versioning, none if it is off.
func CheckDeployment(c client.Client, settings config.Deployment) []doctor.Check {
	if settings.Name == "" {
		return nil
	}
	return doctor.OfDeployment(settings.Name, settings.BuildID, func(ctx context.Context) (string, error) {
		described, err := c.WorkerDeploymentClient().GetHandle(settings.Name).Describe(ctx, client.WorkerDeploymentDescribeOptions{})
		var missing *serviceerror.NotFound
		switch {
		case errors.As(err, &missing):
			return "", job.Errorf(job.CodeNotFound, "%w", err)
		case err != nil || described.Info.RoutingConfig.CurrentVersion == nil:
			return "", err
		}
		return described.Info.RoutingConfig.CurrentVersion.BuildID, nil
	})
}

// CheckModelManage makes the checks of the source of jobs.
func CheckModelManage(c config.Config) []doctor.Check {
	if !c.HasModelManage() {
		return nil
	}
	return doctor.OfModelManage(c.ModelManage.BaseURL+path.Join("/", c.ModelManage.Prefix, c.ModelManage.JobsPath), jobLister{c.ModelManage})
}

type jobLister struct{ config modelmanage.Config }

// errEnough ends a listing: that there is one job shows enough.
var errEnough = errors.New("enough was read")

func (l jobLister) List(ctx context.Context) error {
	c, err := modelmanage.NewClient(l.config, nil)
	if err != nil {
		return err
	}
	err = c.List(ctx, modelmanage.StatusCreated, func(modelmanage.Summary) error { return errEnough })
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// CheckCluster makes the checks of one cluster of the configuration.
func CheckCluster(c config.Config, name string) []doctor.Check {
	settings, ok := c.Clusters[name]
	if !ok {
		return []doctor.Check{doctor.NotOpened(name, fmt.Errorf("it is not configured; the configured ones are %v", c.ClusterNames()))}
	}
	if settings.Type != config.TypeYARN {
		return doctor.OfHost(hostOf(name, localOptions(c, name, settings), ".root"))
	}
	h, err := openHadoop(name, settings, Openings{})
	if err != nil {
		return []doctor.Check{doctor.NotOpened(name, err)}
	}
	y, err := hadoopChecks(name, settings, h)
	if err != nil {
		return []doctor.Check{doctor.NotOpened(name, err)}
	}
	checks := doctor.OfYARN(y)
	if settings.OnHost() {
		host := hostOf(name, hostOptions(c, name, settings, h), ".yarn.hostDir")
		if !settings.DriverOnHost() {
			host.Python = ""
		}
		checks = append(checks, doctor.OfHost(host)...)
	}
	return checks
}

// hostOf is what spark-submit needs on this host; rootKey is where the cluster's
// settings name the directory of its records.
func hostOf(name string, options local.Options, rootKey string) doctor.Host {
	at := "clusters." + name
	return doctor.Host{
		Group: doctor.Group(name), At: at + ".local", SparkHome: options.SparkHome, Python: options.Python,
		Java: options.JavaCommand, Root: options.Root, RootKey: at + rootKey, Output: output,
	}
}

// output runs a program that tells its version.
func output(ctx context.Context, name string, args ...string) (string, error) {
	text, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil && ctx.Err() != nil {
		err = errors.New("it does not end")
	}
	return string(text), err
}

func hadoopChecks(name string, settings config.Cluster, h hadoopCluster) (doctor.YARN, error) {
	resourceManager, _, err := h.resourceManager(settings.YARN)
	if err != nil {
		return doctor.YARN{}, err
	}
	nameNodes, err := defaultPages(h.configuration)
	if err != nil {
		return doctor.YARN{}, err
	}
	named := ""
	if !settings.OnHost() { // else the real spark-submit applies it
		if named, err = yarn.NamedSpark(yarnSettings(settings, h), settings.Spark.Profile.Conf); err != nil {
			return doctor.YARN{}, fmt.Errorf("%w: %s", err, strings.Join(job.ProblemsOf(err), "; "))
		}
	}
	y := doctor.YARN{
		Name: name, ConfDirs: h.confDirs, DefaultFS: h.configuration.DefaultFS(), ResourceManager: resourceManager,
		Web: doctor.Web{Client: h.http.Client()}, Store: h.stores.Default, NameNodeWeb: nameNodes,
		HistoryServer: h.configuration.HistoryServer(), User: h.user, Root: settings.Root,
		Runtimes: settings.YARN.Runtimes, SparkVersion: settings.YARN.SparkVersion, NamedSpark: named, Queues: queuesOf(settings),
		Recovery: h.configuration.Get("yarn.resourcemanager.recovery.enabled") == "true",
		ByREST:   !settings.OnHost(),
	}
	switch h.stores.Default.Scheme() {
	case "file":
		y.Mounted = true
	case "hdfs":
		y.ByRPC = settings.YARN.HDFS != config.HDFSByWebHDFS
		options, err := webhdfs.FromConfiguration(h.configuration, "")
		if err != nil {
			return doctor.YARN{}, err
		}
		options.HTTP = h.http
		if y.WebHDFS, err = webhdfs.New(options); err != nil {
			return doctor.YARN{}, err
		}
	}
	return y, nil
}

// queuesOf lists the queues that a cluster's own settings send applications to.
func queuesOf(settings config.Cluster) []string {
	const key = "spark.yarn.queue"
	queues := []string{settings.YARN.Queue, settings.Spark.Profile.Conf[key]}
	for _, profile := range settings.Spark.Profiles {
		queues = append(queues, profile.Conf[key])
	}
	queues = slices.DeleteFunc(queues, func(q string) bool { return q == "" })
	slices.Sort(queues)
	if queues = slices.Compact(queues); len(queues) == 0 {
		return []string{"default"}
	}
	return queues
}
