package rm

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Info is about the active ResourceManager.
type Info struct {
	// Address, of Options.Addresses, that it has.
	Address string
	// HAState is ACTIVE, or "" where not reported.
	HAState string
	// StartedOn is when it started or became active. Without recovery,
	// applications of an earlier time are forgotten.
	StartedOn time.Time
	// Version of YARN, HadoopVersion of Hadoop: "3.4.3".
	Version, HadoopVersion string
}

// Info finds the active ResourceManager. The error is unavailable if none of the
// addresses is active; standbys, which answer this call as well, do not count.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.do(ctx, request{method: http.MethodGet, path: "info", read: func(r reply) error {
		var got struct {
			Info *struct {
				HAState   text   `json:"haState"`
				StartedOn number `json:"startedOn"`
				Version   text   `json:"resourceManagerVersion"`
				Hadoop    text   `json:"hadoopVersion"`
			} `json:"clusterInfo"`
		}
		if err := r.decode(&got); err != nil {
			return err
		}
		i := got.Info
		switch {
		case i == nil:
			return unexpected("no cluster information")
		case i.HAState != "" && i.HAState != "ACTIVE":
			return standby("")
		}
		info = Info{
			Address: r.address, HAState: string(i.HAState), StartedOn: i.StartedOn.time(),
			Version: string(i.Version), HadoopVersion: string(i.Hadoop),
		}
		return nil
	}})
	return info, err
}

// Queue of the scheduler.
type Queue struct {
	// Path as "root.a.b" and Name, its last part.
	Path, Name string
	// State is RUNNING, STOPPED or DRAINING, "" where the scheduler has none.
	State string
	// NodeLabels that it may use; "*" is all.
	NodeLabels []string
	// DefaultNodeLabel is what applications get that ask for none, except those
	// submitted over REST.
	DefaultNodeLabel string
	// DefaultPriority of applications, again except those submitted over REST.
	DefaultPriority int64
	// Leaf: applications can be submitted to it.
	Leaf bool
	// Creates: the scheduler may make queues below it, when an application names one.
	Creates bool
	// Applications that the queue holds, waiting and running, and Users of them; of a
	// CapacityScheduler.
	Applications int64
	Users        map[string]int64
	// MaxApplications and MaxApplicationsPerUser are what it takes, 0 where it does not
	// say: one more is refused for ever.
	MaxApplications, MaxApplicationsPerUser int64
}

type wireQueue struct {
	Name             text       `json:"queueName"`
	Path             text       `json:"queuePath"`
	State            text       `json:"state"`
	NodeLabels       list[text] `json:"nodeLabels"`
	DefaultNodeLabel text       `json:"defaultNodeLabelExpression"`
	DefaultPriority  number     `json:"defaultPriority"`
	// AutoCreation is off, legacy or flexible; before Hadoop 3.3.2 there is only the other.
	AutoCreation    text   `json:"autoCreationEligibility"`
	AutoCreate      text   `json:"autoCreateChildQueueEnabled"`
	Applications    number `json:"numApplications"`
	MaxApplications number `json:"maxApplications"`
	MaxPerUser      number `json:"maxApplicationsPerUser"`
	Users           object[struct {
		User list[struct {
			Name    text   `json:"username"`
			Pending number `json:"numPendingApplications"`
			Active  number `json:"numActiveApplications"`
		}] `json:"user"`
	}] `json:"users"`
	Queues   wireQueues `json:"queues"`      // of the CapacityScheduler
	Children wireQueues `json:"childQueues"` // of the FairScheduler
}

// wireQueues is a list of queues, with or without {"queue": …} around it.
type wireQueues []wireQueue

func (q *wireQueues) UnmarshalJSON(data []byte) error {
	var wrapped struct {
		Queue list[wireQueue] `json:"queue"`
	}
	*q = nil
	if json.Unmarshal(data, &wrapped) == nil && wrapped.Queue != nil {
		*q = wireQueues(wrapped.Queue)
		return nil
	}
	var plain list[wireQueue]
	if json.Unmarshal(data, &plain) == nil && len(plain) > 0 && plain[0].Name != "" {
		*q = wireQueues(plain)
	}
	return nil
}

func (w wireQueue) collect(parent string, out []Queue) []Queue {
	path := string(w.Path)
	switch {
	case path != "":
	case parent == "" || strings.HasPrefix(string(w.Name), parent+"."): // the FairScheduler's names are paths
		path = string(w.Name)
	default:
		path = parent + "." + string(w.Name)
	}
	children := slices.Concat(w.Queues, w.Children)
	creates := w.AutoCreate == "true" || w.AutoCreation == "legacy" || w.AutoCreation == "flexible"
	q := Queue{
		Path: path, Name: path[strings.LastIndexByte(path, '.')+1:], State: string(w.State),
		DefaultNodeLabel: string(w.DefaultNodeLabel), DefaultPriority: int64(w.DefaultPriority), Leaf: len(children) == 0 && !creates, Creates: creates,
		Applications: int64(w.Applications), MaxApplications: int64(w.MaxApplications), MaxApplicationsPerUser: int64(w.MaxPerUser),
	}
	for _, user := range w.Users.value.User {
		if q.Users == nil {
			q.Users = map[string]int64{}
		}
		q.Users[string(user.Name)] = int64(user.Pending + user.Active)
	}
	for _, label := range w.NodeLabels {
		q.NodeLabels = append(q.NodeLabels, string(label))
	}
	out = append(out, q)
	for _, child := range children {
		out = child.collect(path, out)
	}
	return out
}

// Scheduler lists the queues, parents before their children. A scheduler without
// queues (FIFO) has none.
func (c *Client) Scheduler(ctx context.Context) ([]Queue, error) {
	var queues []Queue
	err := c.do(ctx, request{method: http.MethodGet, path: "scheduler", read: func(r reply) error {
		var got struct {
			Scheduler *struct {
				Info struct {
					wireQueue
					Type text       `json:"type"`
					Root *wireQueue `json:"rootQueue"`
				} `json:"schedulerInfo"`
			} `json:"scheduler"`
		}
		if err := r.decode(&got); err != nil {
			return err
		}
		if got.Scheduler == nil {
			return unexpected("no scheduler")
		}
		queues = nil
		root := got.Scheduler.Info.wireQueue
		if got.Scheduler.Info.Root != nil {
			root = *got.Scheduler.Info.Root
		}
		if root.Name != "" {
			queues = root.collect("", nil)
			// yarn.scheduler.fair.allow-undeclared-pools, on by default, is not told.
			queues[0].Creates = queues[0].Creates || got.Scheduler.Info.Type == "fairScheduler"
		}
		return nil
	}})
	return queues, err
}

// Completed is how many ended applications the ResourceManager knows.
func (c *Client) Completed(ctx context.Context) (int64, error) {
	var count int64
	states := url.Values{"states": {string(StateFinished) + "," + string(StateFailed) + "," + string(StateKilled)}}
	err := c.do(ctx, request{method: http.MethodGet, path: "appstatistics", query: states, read: func(r reply) error {
		var got struct {
			Info *struct {
				Items list[struct {
					State text   `json:"state"`
					Count number `json:"count"`
				}] `json:"statItem"`
			} `json:"appStatInfo"`
		}
		if err := r.decode(&got); err != nil {
			return err
		}
		if got.Info == nil {
			return unexpected("no statistics")
		}
		count = 0
		for _, item := range got.Info.Items {
			count += int64(item.Count)
		}
		return nil
	}})
	return count, err
}

// Property reads a property of the configuration that the ResourceManager runs with,
// its defaults included. The error is not found for one that is not set, and
// unauthorized where only administrators may read it.
//
// Source: org.apache.hadoop.conf.ConfServlet.
func (c *Client) Property(ctx context.Context, name string) (string, error) {
	var value string
	err := c.do(ctx, request{method: http.MethodGet, path: "/conf", query: url.Values{"name": {name}}, read: func(r reply) error {
		var got struct {
			Property *struct {
				Key   text `json:"key"`
				Value text `json:"value"`
			} `json:"property"`
		}
		if err := r.decode(&got); err != nil {
			return err
		}
		if got.Property == nil || string(got.Property.Key) != name {
			return unexpected("no property")
		}
		value = strings.TrimSpace(string(got.Property.Value))
		return nil
	}})
	return value, err
}

// Metrics are the cluster's totals, over all queues. Memory is in MiB.
type Metrics struct {
	AppsPending, AppsRunning          int64
	AvailableMB, AllocatedMB, TotalMB int64
	AvailableVCores, TotalVCores      int64
	ActiveNodes, LostNodes            int64
}

// Metrics reports them.
func (c *Client) Metrics(ctx context.Context) (Metrics, error) {
	var m Metrics
	err := c.do(ctx, request{method: http.MethodGet, path: "metrics", read: func(r reply) error {
		var got struct {
			Metrics *struct {
				AppsPending     number `json:"appsPending"`
				AppsRunning     number `json:"appsRunning"`
				AvailableMB     number `json:"availableMB"`
				AllocatedMB     number `json:"allocatedMB"`
				TotalMB         number `json:"totalMB"`
				AvailableVCores number `json:"availableVirtualCores"`
				TotalVCores     number `json:"totalVirtualCores"`
				ActiveNodes     number `json:"activeNodes"`
				LostNodes       number `json:"lostNodes"`
			} `json:"clusterMetrics"`
		}
		if err := r.decode(&got); err != nil {
			return err
		}
		g := got.Metrics
		if g == nil {
			return unexpected("no metrics")
		}
		m = Metrics{
			AppsPending: int64(g.AppsPending), AppsRunning: int64(g.AppsRunning),
			AvailableMB: int64(g.AvailableMB), AllocatedMB: int64(g.AllocatedMB), TotalMB: int64(g.TotalMB),
			AvailableVCores: int64(g.AvailableVCores), TotalVCores: int64(g.TotalVCores),
			ActiveNodes: int64(g.ActiveNodes), LostNodes: int64(g.LostNodes),
		}
		return nil
	}})
	return m, err
}
