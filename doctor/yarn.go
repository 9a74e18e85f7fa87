package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
	"github.com/stoker-spark/stoker/store"
)

// ResourceManager is what is asked of one over its REST API.
type ResourceManager interface {
	Info(ctx context.Context) (rm.Info, error)
	NewApplication(ctx context.Context) (rm.Reserved, error)
	Scheduler(ctx context.Context) ([]rm.Queue, error)
}

// YARN is a cluster of type yarn, opened.
type YARN struct {
	// Name of the cluster in the configuration.
	Name string
	// ConfDirs are where its Hadoop configuration was read, DefaultFS what that says.
	ConfDirs        []string
	DefaultFS       string
	ResourceManager ResourceManager
	Web             Web
	// Store is the default file system as workers use it, by RPC if ByRPC is set;
	// WebHDFS is the same over HTTP, nil where there is no such second way.
	Store, WebHDFS store.Store
	ByRPC          bool
	// Mounted: the default file system is one that all hosts have mounted, not HDFS.
	Mounted bool
	// NameNodeWeb are the URLs of the NameNodes' web servers, HistoryServer that of
	// the history server, "" if the configuration names none.
	NameNodeWeb   []string
	HistoryServer string
	// User that applications run as.
	User string
	// Root of the job directories, Runtimes that of staged runtimes.
	Root, Runtimes string
	// SparkVersion is the line that applications get.
	SparkVersion string
	// NamedSpark is where the configuration of Spark says that Spark lies, "" for the
	// staged runtime.
	NamedSpark string
	// Queues that applications are sent to.
	Queues []string
	// Recovery is what the client's configuration says of
	// yarn.resourcemanager.recovery.enabled: the launch protocol goes by it.
	Recovery bool
	// ByREST: applications are submitted over REST.
	ByREST bool
}

// Names of checks that others need.
const (
	checkConfiguration   = "configuration"
	checkResourceManager = "ResourceManager"
	checkNameNode        = "NameNode"
	checkFiles           = "file system"
)

// fewCompleted is how many ended applications a ResourceManager should remember,
// by default Hadoop's own default: one that is forgotten before it is seen to
// have ended is found by its files only.
const fewCompleted = 1000

// OfYARN are the checks of a YARN cluster.
func OfYARN(y YARN) []Check {
	e := &yarnExam{YARN: y, at: "clusters." + y.Name}
	in := func(name, needs string, run func(ctx context.Context) Finding) Check {
		return Check{Group: Group(y.Name), Name: name, Needs: needs, Run: run}
	}
	files := checkNameNode
	if y.Mounted {
		files = checkFiles
	}
	checks := []Check{
		in(checkConfiguration, "", func(context.Context) Finding {
			return ok("%s: %s, as user %s", strings.Join(y.ConfDirs, ", "), y.DefaultFS, y.User)
		}),
		in(checkResourceManager, "", e.resourceManager),
		in("submission", checkResourceManager, e.submission),
		in("queue", checkResourceManager, e.queues),
		in("recovery", checkResourceManager, e.recovery),
		in("ended applications", checkResourceManager, e.completed),
		in("log aggregation", checkResourceManager, e.aggregation),
		in("history server", "", e.history),
		in(files, "", e.files),
	}
	if y.WebHDFS != nil {
		checks = append(checks, in("WebHDFS", "", e.webHDFS))
	}
	return append(checks,
		in("root", files, e.root),
		in("runtime", files, e.runtime),
		in("clocks", checkResourceManager, e.clocks),
	)
}

// Group is the group of a cluster's checks.
func Group(cluster string) string { return "cluster " + cluster }

// NotOpened is the check of a cluster whose configuration can't be used.
func NotOpened(cluster string, err error) Check {
	return Check{Group: Group(cluster), Name: checkConfiguration, Run: func(context.Context) Finding {
		return fail("see clusters."+cluster+" in the configuration", "%v", err)
	}}
}

type yarnExam struct {
	YARN
	// at is where the cluster stands in the configuration.
	at string

	mu sync.Mutex
	// active is the URL of the active ResourceManager, once it is known.
	active string
}

func (e *yarnExam) resourceManager(ctx context.Context) Finding {
	info, err := e.ResourceManager.Info(ctx)
	if err != nil {
		return fail("see that one is active, and yarn.resourcemanager.webapp.address in "+e.ConfDirs[0]+"/yarn-site.xml", "%v", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active = info.Address
	return ok("%s is active since %s, Hadoop %s", info.Address, info.StartedOn.UTC().Format("2006-01-02 15:04:05Z"), info.HadoopVersion)
}

func (e *yarnExam) activeWeb() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.active
}

// submission draws an id, which is kept by nobody: the ResourceManager refuses
// that as it would refuse an application.
func (e *yarnExam) submission(ctx context.Context) Finding {
	_, err := e.ResourceManager.NewApplication(ctx)
	const key = "yarn.webapp.enable-rest-app-submissions"
	switch {
	case errors.Is(err, rm.ErrSubmissionDisabled) && !e.ByREST:
		return ok("over REST it is switched off; spark-submit launches")
	case errors.Is(err, rm.ErrSubmissionDisabled):
		return fail("set "+key+" to true in the ResourceManager's yarn-site.xml and restart it, or set "+e.at+".yarn.launcher to spark-submit",
			"applications are not taken over REST: %s is false", key)
	case job.CodeOf(err) == job.CodeUnauthorized:
		return fail("see that "+e.User+" may submit applications, or set "+e.at+".yarn.user", "user %s is refused: %v", e.User, err)
	case err != nil:
		return fail("see the ResourceManager's log", "an application's id could not be had: %v", err)
	case !e.ByREST:
		return ok("is open over REST as well: launcher rest would do, without a JVM for each application")
	}
	return ok("is open over REST")
}

func (e *yarnExam) queues(ctx context.Context) Finding {
	mend := "set " + e.at + ".yarn.queue (and spark.yarn.queue of profiles) to a queue that runs"
	known, err := e.ResourceManager.Scheduler(ctx)
	if err != nil {
		return warn("see the ResourceManager's log, and that "+e.User+" may read /ws/v1/cluster/scheduler there", "the queues cannot be listed: %v", err)
	}
	if len(known) == 0 {
		return ok("the scheduler has none")
	}
	var made []string
	for _, name := range e.Queues {
		i := slices.IndexFunc(known, func(q rm.Queue) bool { return q.Path == name || q.Name == name && q.Leaf })
		switch {
		case i < 0 && mayBeMade(known, name):
			made = append(made, name)
		case i < 0 && name == "default":
			return warn(mend+", unless the scheduler's placement rules (yarn.scheduler.capacity.queue-mappings) choose another one",
				"default does not exist; there are %s", leaves(known))
		case i < 0:
			return fail(mend, "%s does not exist; there are %s", name, leaves(known))
		case !known[i].Leaf:
			return fail(mend, "%s has queues below it: applications go to one of those, %s", name, leaves(known))
		case known[i].State != "" && known[i].State != "RUNNING":
			return fail(mend+", or start it (yarn.scheduler.capacity."+known[i].Path+".state)", "%s is %s", name, known[i].State)
		}
	}
	if len(made) > 0 {
		return warn("see that the scheduler lets "+e.User+" have it made, or "+mend,
			"%s: not there yet; the scheduler may make queues of that name when an application comes", strings.Join(made, ", "))
	}
	return ok("%s: running", strings.Join(e.Queues, ", "))
}

// mayBeMade reports whether a scheduler may make a queue when an application names it.
func mayBeMade(known []rm.Queue, name string) bool {
	return slices.ContainsFunc(known, func(q rm.Queue) bool {
		return q.Creates && (!strings.Contains(name, ".") || strings.HasPrefix(name, q.Path+".") || strings.HasPrefix("root."+name, q.Path+"."))
	})
}

// leaves names the queues that take applications, the first few of them.
func leaves(queues []rm.Queue) string {
	const most = 10
	var names []string
	for _, q := range queues {
		if q.Leaf {
			names = append(names, q.Path)
		}
	}
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(names, ", ")
}

// tellsConf is how to find out what a daemon's configuration says. It is for
// administrators on a cluster with Kerberos.
func (e *yarnExam) tellsConf(who, key string) string {
	return "let " + e.User + " read /conf of " + who + " (yarn.admin.acl), or look for " + key + " in its yarn-site.xml"
}

func (e *yarnExam) recovery(ctx context.Context) Finding {
	const key = "yarn.resourcemanager.recovery.enabled"
	value, err := e.Web.Property(ctx, e.activeWeb(), key)
	if err != nil && !errors.Is(err, errUnset) {
		return warn(e.tellsConf("the ResourceManager", key), "whether the ResourceManager remembers applications over a restart is not known: %v", err)
	}
	on := strings.EqualFold(value, "true")
	switch {
	case e.Recovery && !on:
		return fail("set "+key+" to true in the ResourceManager's yarn-site.xml, or to false in "+e.ConfDirs[0],
			"the ResourceManager forgets applications when it restarts, but this host's configuration says that it does not: one could run twice")
	case !on:
		return warn("set "+key+" to true, and a state store, in the ResourceManager's yarn-site.xml and here",
			"is off: jobs that run while the ResourceManager restarts are lost")
	case !e.Recovery:
		return warn("set "+key+" to true in "+e.ConfDirs[0]+"/yarn-site.xml as well",
			"is on, but this host's configuration does not say so: after a restart some launches are called lost that need not be")
	}
	return ok("is on")
}

func (e *yarnExam) completed(ctx context.Context) Finding {
	const key = "yarn.resourcemanager.max-completed-applications"
	value, err := e.Web.Property(ctx, e.activeWeb(), key)
	if err != nil {
		return warn(e.tellsConf("the ResourceManager", key), "how many the ResourceManager remembers is not known: %v", err)
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return warn("set "+key+" to a number", "%s is %q", key, value)
	}
	if n < fewCompleted {
		return warn(fmt.Sprintf("set %s to %d or more in the ResourceManager's yarn-site.xml", key, fewCompleted),
			"only %d are remembered: on a busy cluster an end can be forgotten before it is seen", n)
	}
	return ok("%d are remembered", n)
}

// aggregation asks a NodeManager, which does it, else the ResourceManager, whose
// configuration should be the same.
func (e *yarnExam) aggregation(ctx context.Context) Finding {
	const key = "yarn.log-aggregation-enable"
	who := e.nodeManager(ctx)
	value, err := "", errUnset
	if who != "" {
		value, err = e.Web.Property(ctx, who, key)
	}
	if who == "" || err != nil {
		who = e.activeWeb()
		value, err = e.Web.Property(ctx, who, key)
	}
	switch {
	case err != nil && !errors.Is(err, errUnset):
		return warn(e.tellsConf("the NodeManagers or the ResourceManager", key), "whether it is on is not known: %v", err)
	case !strings.EqualFold(value, "true"):
		return warn("set "+key+" to true in the NodeManagers' yarn-site.xml",
			"is off (%s): logs of ended applications are gone when a NodeManager deletes them", who)
	}
	return ok("is on (%s)", who)
}

// nodeManager is the URL of a NodeManager that runs, "" if none is known.
func (e *yarnExam) nodeManager(ctx context.Context) string {
	var got struct {
		Nodes struct {
			Node []struct {
				Address string `json:"nodeHTTPAddress"`
			} `json:"node"`
		} `json:"nodes"`
	}
	active := e.activeWeb()
	if e.Web.Page(ctx, active+"/ws/v1/cluster/nodes?states=RUNNING", &got) != nil || len(got.Nodes.Node) == 0 || got.Nodes.Node[0].Address == "" {
		return ""
	}
	scheme, _, _ := strings.Cut(active, "://")
	return scheme + "://" + got.Nodes.Node[0].Address
}

func (e *yarnExam) history(ctx context.Context) Finding {
	const words = "logs of ended applications are read from HDFS alone"
	if e.HistoryServer == "" {
		return warn("set mapreduce.jobhistory.webapp.address in "+e.ConfDirs[0]+"/mapred-site.xml, or yarn.log.server.url", "none is configured: %s", words)
	}
	var got struct {
		Info struct {
			Hadoop string `json:"hadoopVersion"`
		} `json:"historyInfo"`
	}
	err := e.Web.Page(ctx, e.HistoryServer+"/ws/v1/history/info", &got)
	if err == nil && got.Info.Hadoop == "" {
		err = errors.New("it is another server")
	}
	if err != nil {
		return warn("start it, or set mapreduce.jobhistory.webapp.address", "%s does not serve (%v): %s", e.HistoryServer, err, words)
	}
	return ok("%s serves, Hadoop %s", e.HistoryServer, got.Info.Hadoop)
}

// skewLimit is how far clocks may differ: leases, expiry times and what is
// compared with a file's time are minutes.
const skewLimit = 30 * time.Second

func (e *yarnExam) clocks(ctx context.Context) Finding {
	const mend = "run NTP (chrony) on both hosts"
	servers := append(slices.Clone(e.NameNodeWeb), e.activeWeb())
	var asked []string
	for _, server := range servers {
		ahead, err := e.Web.Ahead(ctx, server)
		if err != nil {
			continue // that it is out of reach, another line says
		}
		if ahead > skewLimit {
			return warn(mend, "the clock of %s is %s ahead of this host's", server, ahead.Round(time.Second))
		}
		if ahead < -skewLimit {
			return warn(mend, "the clock of %s is %s behind this host's", server, -ahead.Round(time.Second))
		}
		asked = append(asked, server)
	}
	if len(asked) == 0 {
		return warn("see that the ResourceManager's and the NameNodes' web servers can be reached from here, and compare the clocks by hand (date -u)",
			"no server told its time")
	}
	return ok("those of %s agree with this host's", strings.Join(asked, ", "))
}
