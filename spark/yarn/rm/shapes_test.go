package rm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const (
	// Of Hadoop 3.4: an element that occurs twice has its key twice.
	app34 = `{"id":"application_1795245848458_0001","user":"root","name":"conf.py","queue":"root.default","state":"RUNNING",` +
		`"finalStatus":"UNDEFINED","progress":10.0,"trackingUI":"ApplicationMaster","trackingUrl":"http://localhost:8088/proxy/application_1795245848458_0001/",` +
		`"diagnostics":"","clusterId":1795245848458,"applicationType":"SPARK","applicationTags":"one,two","priority":0,` +
		`"startedTime":1795245908053,"launchTime":1795245908766,"finishedTime":0,"elapsedTime":56133,` +
		`"amContainerLogs":"http://localhost:8042/node/containerlogs/container_1795245848458_0001_01_000001/root","amHostHttpAddress":"localhost:8042",` +
		`"amRPCAddress":"localhost:32963","masterNodeId":"localhost:8041","allocatedMB":2816,"allocatedVCores":2,"reservedMB":0,"runningContainers":2,` +
		`"queueUsagePercentage":3.9066076,"resourceSecondsMap":{"entry":{"key":"memory-mb","value":"142595"},"entry":{"key":"vcores","value":"101"}},` +
		`"logAggregationStatus":"NOT_START","appNodeLabelExpression":"","amNodeLabelExpression":"","timeouts":{"timeout":[{"type":"LIFETIME"}]}}`
	// Of an older one: numbers as text, words left out, a share of nothing.
	app33 = `{"id":"application_1795245848458_0001","user":"root","name":"conf.py","queue":"default","state":"RUNNING",` +
		`"finalStatus":"UNDEFINED","trackingUrl":"http://localhost:8088/proxy/application_1795245848458_0001/","diagnostics":null,` +
		`"applicationType":"SPARK","applicationTags":"one,two","priority":"0","startedTime":"1795245908053","launchTime":1.795245908766E12,` +
		`"amContainerLogs":"http://localhost:8042/node/containerlogs/container_1795245848458_0001_01_000001/root","amHostHttpAddress":"localhost:8042",` +
		`"allocatedMB":2816,"allocatedVCores":2,"runningContainers":2,"queueUsagePercentage":NaN,"clusterUsagePercentage":-Infinity,` +
		`"currentAppAttemptId":"appattempt_1795245848458_0001_000001","logAggregationStatus":"NOT_START"}`
)

func wanted() rm.Application {
	return rm.Application{
		ID: id1, User: "root", Name: "conf.py", Queue: "root.default", Type: "SPARK", Tags: []string{"one", "two"},
		State: rm.StateRunning, FinalStatus: rm.FinalUndefined,
		TrackingURL:       "http://localhost:8088/proxy/application_1795245848458_0001/",
		AMHostHTTPAddress: "localhost:8042",
		AMContainerLogs:   "http://localhost:8042/node/containerlogs/container_1795245848458_0001_01_000001/root",
		LogAggregation:    "NOT_START",
		StartedAt:         time.UnixMilli(1795245908053).UTC(), LaunchedAt: time.UnixMilli(1795245908766).UTC(),
		AllocatedMB: 2816, AllocatedVCores: 2, RunningContainers: 2,
	}
}

func TestApplication(t *testing.T) {
	t.Parallel()
	c, s := answering(t, replyJSON(200, `{"app":`+app34+`}`))
	got, err := c.Application(t.Context(), id1)
	require.NoError(t, err)
	require.Equal(t, wanted(), got)
	require.Equal(t, []call{{Method: "GET", Path: "/ws/v1/cluster/apps/" + id1, Query: "user.name=alice"}}, s.seen())

	c, _ = answering(t, replyJSON(200, `{"app":`+app33+`}`))
	got, err = c.Application(t.Context(), id1)
	require.NoError(t, err)
	want := wanted()
	want.Queue, want.CurrentAttempt = "default", "appattempt_1795245848458_0001_000001"
	require.Equal(t, want, got)
}

func TestEndedApplication(t *testing.T) {
	t.Parallel()
	c, _ := answering(t, replyJSON(200, `{"app":{"id":"`+id1+`","state":"KILLED","finalStatus":"KILLED","diagnostics":"was\nkilled",`+
		`"allocatedMB":-1,"allocatedVCores":-1,"runningContainers":-1,"priority":-1,"finishedTime":1795245964186}}`))
	got, err := c.Application(t.Context(), id1)
	require.NoError(t, err)
	require.Equal(t, rm.Application{
		ID: id1, State: rm.StateKilled, FinalStatus: rm.FinalKilled, Diagnostics: "was\nkilled", Priority: -1,
		FinishedAt: time.UnixMilli(1795245964186).UTC(),
	}, got)
	require.True(t, got.State.Ended())
}

func TestStates(t *testing.T) {
	t.Parallel()
	for state, want := range map[rm.State][2]bool{ // ended, saved
		rm.StateNew: {false, false}, rm.StateNewSaving: {false, false}, rm.StateSubmitted: {false, false},
		rm.StateAccepted: {false, true}, rm.StateRunning: {false, true},
		rm.StateFinished: {true, true}, rm.StateFailed: {true, true}, rm.StateKilled: {true, true},
		"": {false, false},
	} {
		require.Equal(t, want, [2]bool{state.Ended(), state.Saved()}, state)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	c, s := answering(t, replyJSON(200, `{}`))
	for _, id := range []string{"", "job_1_0001", "application_1_1", "application_1795245848458_0001/state", "application_1795245848458_0001\n", "..", "application_x_0001"} {
		_, err := c.Application(t.Context(), id)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), id)
		_, err = c.Attempts(t.Context(), id)
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), id)
		_, err = c.Kill(t.Context(), id, "")
		require.Equal(t, job.CodeInvalid, job.CodeOf(err), id)
		require.Equal(t, job.CodeInvalid, job.CodeOf(c.Submit(t.Context(), rm.SubmissionContext{ID: id})), id)
	}
	require.Empty(t, s.seen())
	require.True(t, rm.ValidID("application_1795245848458_12345"))
}

func TestListShapes(t *testing.T) {
	t.Parallel()
	for shape, want := range map[string]int{
		`{"apps":{}}`: 0, `{"apps":null}`: 0, `{"apps":""}`: 0, `{}`: 0, `{"apps":{"app":null}}`: 0, `{"apps":{"app":[]}}`: 0,
		`{"apps":{"app":` + app34 + `}}`:                     1,
		`{"apps":{"app":[` + app33 + `]}}`:                   1,
		`{"apps": { "app" : [` + app33 + `,` + app34 + `]}}`: 2,
	} {
		c, _ := answering(t, replyJSON(200, shape))
		got, err := c.List(t.Context(), rm.Filter{})
		require.NoError(t, err, shape)
		require.Len(t, got, want, shape)
		for _, app := range got {
			require.Equal(t, id1, app.ID)
			require.Equal(t, []string{"one", "two"}, app.Tags)
		}
	}
}

func TestListFilter(t *testing.T) {
	t.Parallel()
	c, s := answering(t, replyJSON(200, `{"apps":{}}`))
	_, err := c.List(t.Context(), rm.Filter{
		Tags: []string{"Stoker:A", "b c"}, States: []rm.State{rm.StateRunning, rm.StateAccepted}, Types: []string{"SPARK"},
		User: "bob", Queue: "root.a", StartedFrom: time.UnixMilli(5), FinishedFrom: time.UnixMilli(6), Limit: 3, DeSelects: rm.Lean,
	})
	require.NoError(t, err)
	require.Equal(t, "applicationTags=stoker%3Aa%2Cb+c&applicationTypes=SPARK&deSelects=resourceRequests%2Ctimeouts%2CresourceInfo"+
		"&finishedTimeBegin=6&limit=3&queue=root.a&startedTimeBegin=5&states=RUNNING%2CACCEPTED&user=bob&user.name=alice", s.seen()[0].Query)
	for _, tag := range []string{"", "a,b"} {
		_, err = c.List(t.Context(), rm.Filter{Tags: []string{tag}})
		require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	}
	require.Len(t, s.seen(), 1)
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	const one = `{"id":%d,"startTime":1795245908114,"finishedTime":0,"containerId":"container_e01_1795245848458_0001_01_000001",` +
		`"nodeHttpAddress":"localhost:8042","nodeId":"localhost:8041","logsLink":"http://localhost:8042/x","exportPorts":"null","appAttemptId":"appattempt_1795245848458_0001_000001","appAttemptState":"LAUNCHED"}`
	const two = `{"id":"2","containerId":"","appAttemptState":"SCHEDULED"}`
	first := rm.Attempt{
		Number: 1, ID: "appattempt_1795245848458_0001_000001", ContainerID: "container_e01_1795245848458_0001_01_000001",
		NodeHTTPAddress: "localhost:8042", NodeID: "localhost:8041", LogsLink: "http://localhost:8042/x", State: "LAUNCHED",
		StartedAt: time.UnixMilli(1795245908114).UTC(),
	}
	element := `{"id":1` + one[len(`{"id":%d`):]
	for shape, want := range map[string][]rm.Attempt{
		`{"appAttempts":{"appAttempt":[` + element + `]}}`:             {first},
		`{"appAttempts":{"appAttempt":` + element + `}}`:               {first},
		`{"appAttempts":{"appAttempt":[` + two + `,` + element + `]}}`: {first, {Number: 2, State: "SCHEDULED"}},
		`{"appAttempts":null}`:                                         nil, `{"appAttempts":{}}`: nil, `{"appAttempts":{"appAttempt":[]}}`: nil,
	} {
		c, s := answering(t, replyJSON(200, shape))
		got, err := c.Attempts(t.Context(), id1)
		require.NoError(t, err, shape)
		require.Equal(t, want, got, shape)
		require.Equal(t, "/ws/v1/cluster/apps/"+id1+"/appattempts", s.seen()[0].Path)
	}
}

func TestInfoAndMetrics(t *testing.T) {
	t.Parallel()
	c, s := answering(t, replyJSON(200, `{"clusterInfo":{"id":1795245848458,"startedOn":1795245848458,"state":"STARTED","haState":"ACTIVE",`+
		`"resourceManagerVersion":"3.4.3","hadoopVersion":"3.4.3","haZooKeeperConnectionState":"Could not find leader elector."},`+
		`"clusterMetrics":{"appsPending":1,"appsRunning":2,"availableMB":3,"allocatedMB":4,"totalMB":7,"availableVirtualCores":5,"totalVirtualCores":8,"activeNodes":1,"lostNodes":0}}`))
	info, err := c.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, rm.Info{Address: s.URL, HAState: "ACTIVE", StartedOn: time.UnixMilli(1795245848458).UTC(), Version: "3.4.3", HadoopVersion: "3.4.3"}, info)
	metrics, err := c.Metrics(t.Context())
	require.NoError(t, err)
	require.Equal(t, rm.Metrics{AppsPending: 1, AppsRunning: 2, AvailableMB: 3, AllocatedMB: 4, TotalMB: 7, AvailableVCores: 5, TotalVCores: 8, ActiveNodes: 1}, metrics)
}

func TestScheduler(t *testing.T) {
	t.Parallel()
	capacity := []rm.Queue{
		{Path: "root", Name: "root"},
		{Path: "root.default", Name: "default", State: "RUNNING", NodeLabels: []string{"*"}, Leaf: true},
		{Path: "root.a", Name: "a", State: "RUNNING"},
		{Path: "root.a.b", Name: "b", State: "STOPPED", NodeLabels: []string{"x", "y"}, DefaultNodeLabel: "x", DefaultPriority: 3, Leaf: true},
	}
	for name, tt := range map[string]struct {
		reply string
		want  []rm.Queue
	}{
		"capacity": {`{"type":"capacityScheduler","queueName":"root","queuePath":"root","queues":{"queue":[` +
			`{"queuePath":"root.default","queueName":"default","state":"RUNNING","nodeLabels":["*"]},` +
			`{"queuePath":"root.a","queueName":"a","state":"RUNNING","queues":{"queue":` +
			`{"queuePath":"root.a.b","queueName":"b","state":"STOPPED","nodeLabels":["x","y"],"defaultNodeLabelExpression":"x","defaultPriority":3}}}]}}`, capacity},
		"capacity without paths": {`{"type":"capacityScheduler","queueName":"root","queues":{"queue":[` +
			`{"queueName":"default","state":"RUNNING","nodeLabels":"*"},` +
			`{"queueName":"a","state":"RUNNING","queues":{"queue":[{"queueName":"b","state":"STOPPED","nodeLabels":["x","y"],"defaultNodeLabelExpression":"x","defaultPriority":3}]}}]}}`, capacity},
		"fair": {`{"type":"fairScheduler","rootQueue":{"queueName":"root","childQueues":{"queue":[{"queueName":"root.a"},{"queueName":"root.b","childQueues":[{"queueName":"root.b.c"}]}]}}}`, []rm.Queue{
			{Path: "root", Name: "root", Creates: true},
			{Path: "root.a", Name: "a", Leaf: true},
			{Path: "root.b", Name: "b"},
			{Path: "root.b.c", Name: "c", Leaf: true},
		}},
		"queues that are made": {`{"type":"capacityScheduler","queueName":"root","autoCreationEligibility":"flexible","queues":{"queue":[` +
			`{"queueName":"a","autoCreationEligibility":"off","autoCreateChildQueueEnabled":false},` +
			`{"queueName":"b","autoCreateChildQueueEnabled":true},{"queueName":"c","autoCreationEligibility":"legacy"}]}}`, []rm.Queue{
			{Path: "root", Name: "root", Creates: true},
			{Path: "root.a", Name: "a", Leaf: true},
			{Path: "root.b", Name: "b", Creates: true},
			{Path: "root.c", Name: "c", Creates: true},
		}},
		"fifo": {`{"type":"fifoScheduler","qstate":"RUNNING"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := answering(t, replyJSON(200, `{"scheduler":{"schedulerInfo":`+tt.reply+`}}`))
			got, err := c.Scheduler(t.Context())
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}
