package yarnsim

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// The NodeManager of all masters.
const (
	nodeHost = "127.0.0.1"
	nodeID   = nodeHost + ":2"
	deadNode = nodeHost + ":1"
)

// wireApp is an application in JSON: the fields of Hadoop 3.4, in its order.
type wireApp struct {
	ID                         string          `json:"id"`
	User                       string          `json:"user"`
	Name                       string          `json:"name"`
	Queue                      string          `json:"queue"`
	State                      rm.State        `json:"state"`
	FinalStatus                rm.FinalStatus  `json:"finalStatus"`
	Progress                   float64         `json:"progress"`
	TrackingUI                 string          `json:"trackingUI"`
	TrackingURL                string          `json:"trackingUrl,omitempty"`
	Diagnostics                string          `json:"diagnostics"`
	ClusterID                  int64           `json:"clusterId"`
	ApplicationType            string          `json:"applicationType"`
	ApplicationTags            string          `json:"applicationTags"`
	Priority                   int64           `json:"priority"`
	StartedTime                int64           `json:"startedTime"`
	LaunchTime                 int64           `json:"launchTime"`
	FinishedTime               int64           `json:"finishedTime"`
	ElapsedTime                int64           `json:"elapsedTime"`
	AMContainerLogs            string          `json:"amContainerLogs,omitempty"`
	AMHostHTTPAddress          string          `json:"amHostHttpAddress,omitempty"`
	AMRPCAddress               string          `json:"amRPCAddress,omitempty"`
	MasterNodeID               string          `json:"masterNodeId"`
	AllocatedMB                int64           `json:"allocatedMB"`
	AllocatedVCores            int64           `json:"allocatedVCores"`
	ReservedMB                 int64           `json:"reservedMB"`
	ReservedVCores             int64           `json:"reservedVCores"`
	RunningContainers          int64           `json:"runningContainers"`
	MemorySeconds              int64           `json:"memorySeconds"`
	VCoreSeconds               int64           `json:"vcoreSeconds"`
	QueueUsagePercentage       float64         `json:"queueUsagePercentage"`
	ClusterUsagePercentage     float64         `json:"clusterUsagePercentage"`
	ResourceSecondsMap         json.RawMessage `json:"resourceSecondsMap"`
	PreemptedResourceMB        int64           `json:"preemptedResourceMB"`
	PreemptedResourceVCores    int64           `json:"preemptedResourceVCores"`
	NumNonAMContainerPreempted int64           `json:"numNonAMContainerPreempted"`
	NumAMContainerPreempted    int64           `json:"numAMContainerPreempted"`
	PreemptedMemorySeconds     int64           `json:"preemptedMemorySeconds"`
	PreemptedVcoreSeconds      int64           `json:"preemptedVcoreSeconds"`
	PreemptedResourceSeconds   struct{}        `json:"preemptedResourceSecondsMap"`
	LogAggregationStatus       string          `json:"logAggregationStatus"`
	UnmanagedApplication       bool            `json:"unmanagedApplication"`
	AppNodeLabelExpression     string          `json:"appNodeLabelExpression"`
	AMNodeLabelExpression      *string         `json:"amNodeLabelExpression,omitempty"`
	ResourceInfo               any             `json:"resourceInfo,omitempty"`
	Timeouts                   any             `json:"timeouts,omitempty"`
}

// selection names the parts of an application that are left out.
type selection map[string]bool

// show is an application as the ResourceManager at an address reports it. s.mu
// is held.
func (s *Server) show(app *application, without selection, host string) wireApp {
	until := app.endedAt
	if until.IsZero() {
		until = time.Now()
	}
	w := wireApp{
		ID: app.id, User: app.user, Name: app.submission.Name, Queue: app.queue, State: app.state, FinalStatus: app.final,
		TrackingUI: "UNASSIGNED", Diagnostics: app.diagnostics, ClusterID: s.started,
		ApplicationType: app.kind, ApplicationTags: strings.Join(app.tags, ","), Priority: app.priority,
		StartedTime: millis(app.startedAt), LaunchTime: millis(app.launchedAt), FinishedTime: millis(app.endedAt),
		ElapsedTime:          until.Sub(app.startedAt).Milliseconds(),
		LogAggregationStatus: "NOT_START", ResourceSecondsMap: json.RawMessage("{}"),
	}
	if app.container != "" {
		w.showContainer(app, until, host, s.options.NodeAddress)
	}
	w.AppNodeLabelExpression = app.submission.NodeLabel // 3.4 shows it to those, too, who deselect it
	if s.options.NodeAddress != deadNode {
		w.LogAggregationStatus = "DISABLED"
	}
	if label := app.submission.AMNodeLabel; !without["amNodeLabelExpression"] {
		w.AMNodeLabelExpression = &label
	}
	if !without["resourceInfo"] && app.container != "" && !app.state.Ended() {
		w.ResourceInfo = usage(w.AllocatedMB, w.AllocatedVCores)
	}
	if !without["timeouts"] {
		w.Timeouts = map[string]any{"timeout": []any{map[string]any{
			"type": "LIFETIME", "expiryTime": "UNLIMITED", "remainingTimeInSeconds": -1,
		}}}
	}
	return w
}

// showContainer adds what is there once the master has a container.
func (w *wireApp) showContainer(app *application, until time.Time, host, node string) {
	w.AMContainerLogs = logsURL(app, node)
	w.AMHostHTTPAddress, w.MasterNodeID = node, nodeID
	asked := app.submission.Resource
	seconds := int64(until.Sub(app.launchedAt).Seconds())
	w.MemorySeconds, w.VCoreSeconds = asked.MemoryMB*seconds, asked.VCores*seconds
	// A Java map of two entries is one key, twice.
	w.ResourceSecondsMap = json.RawMessage(fmt.Sprintf(
		`{"entry":{"key":"memory-mb","value":"%d"},"entry":{"key":"vcores","value":"%d"}}`, w.MemorySeconds, w.VCoreSeconds))
	switch {
	case app.state.Ended():
		w.AllocatedMB, w.AllocatedVCores, w.ReservedMB, w.ReservedVCores, w.RunningContainers = -1, -1, -1, -1, -1
		w.Progress, w.TrackingUI, w.LogAggregationStatus = 100, "History", "SUCCEEDED"
		w.TrackingURL = "http://" + host + "/cluster/app/" + app.id
	default:
		w.AllocatedMB, w.AllocatedVCores, w.RunningContainers = asked.MemoryMB, asked.VCores, 1
		if app.state == rm.StateRunning {
			w.Progress, w.TrackingUI, w.AMRPCAddress = 10, "ApplicationMaster", nodeHost+":3"
			w.TrackingURL = "http://" + host + "/proxy/" + app.id + "/"
		}
	}
}

func logsURL(app *application, node string) string {
	return "http://" + node + "/node/containerlogs/" + app.container + "/" + app.user
}

// showAttempt is the only attempt of an application.
func showAttempt(app *application, node string) map[string]any {
	state := "LAUNCHED"
	switch {
	case app.state.Ended():
		state = string(app.state)
	case app.state == rm.StateRunning:
		state = "RUNNING"
	}
	return map[string]any{
		"id": 1, "startTime": millis(app.startedAt), "finishedTime": millis(app.endedAt),
		"containerId": app.container, "nodeHttpAddress": node, "nodeId": nodeID, "logsLink": logsURL(app, node),
		"blacklistedNodes": "", "nodesBlacklistedBySystem": "", "exportPorts": "null",
		"appAttemptId":    strings.Replace(app.id, "application_", "appattempt_", 1) + "_000001",
		"appAttemptState": state,
	}
}

// resource of a container, or of many, in MiB and cores.
func resource(memory, cores int64) map[string]any {
	kind := func(name, units string, value int64) map[string]any {
		return map[string]any{
			"attributes": map[string]any{}, "maximumAllocation": int64(math.MaxInt64), "minimumAllocation": 0,
			"name": name, "resourceType": "COUNTABLE", "units": units, "value": value,
		}
	}
	return map[string]any{
		"memory": memory, "vCores": cores, "resourceInformations": map[string]any{
			"resourceInformation": []any{kind("memory-mb", "Mi", memory), kind("vcores", "", cores), kind("unit", "", 0)},
		},
	}
}

// usage is what an application holds by partition: the largest part of a reply,
// which clients deselect.
func usage(memory, cores int64) map[string]any {
	used, none := resource(memory, cores), resource(0, 0)
	return map[string]any{"resourceUsagesByPartition": []any{map[string]any{
		"partitionName": "", "used": used, "reserved": none, "pending": none, "amUsed": used, "amLimit": none, "userAmLimit": none,
	}}}
}
