package yarnsim

import (
	"net/http"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// version that the replies' shapes are of.
const version = "3.4.3"

func (s *Server) info(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	started := s.started
	s.mu.Unlock()
	reply(w, http.StatusOK, map[string]any{"clusterInfo": map[string]any{
		"id": started, "startedOn": started, "state": "STARTED", "haState": "ACTIVE",
		"rmStateStoreName":       "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore",
		"resourceManagerVersion": version, "resourceManagerBuildVersion": version + " simulated", "resourceManagerVersionBuiltOn": "2026-01-01T00:00Z",
		"hadoopVersion": version, "hadoopBuildVersion": version + " simulated", "hadoopVersionBuiltOn": "2026-01-01T00:00Z",
		"haZooKeeperConnectionState": "Could not find leader elector. Verify both HA and automatic failover are enabled.",
	}})
}

// metrics count applications; the cluster has room for any number of them.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	const plenty = 1 << 40
	s.mu.Lock()
	count := map[rm.State]int64{}
	var memory, cores int64
	for _, app := range s.apps {
		count[app.state]++
		if app.container != "" && !app.state.Ended() {
			memory += app.submission.Resource.MemoryMB
			cores += app.submission.Resource.VCores
		}
	}
	submitted := len(s.launches)
	s.mu.Unlock()
	pending := count[rm.StateNewSaving] + count[rm.StateSubmitted] + count[rm.StateAccepted]
	content := map[string]any{
		"appsSubmitted": submitted, "appsCompleted": count[rm.StateFinished], "appsPending": pending,
		"appsRunning": count[rm.StateRunning], "appsFailed": count[rm.StateFailed], "appsKilled": count[rm.StateKilled],
		"availableMB": plenty, "allocatedMB": memory, "totalMB": plenty + memory,
		"availableVirtualCores": plenty, "allocatedVirtualCores": cores, "totalVirtualCores": plenty + cores,
		"containersAllocated": pending + count[rm.StateRunning], "totalNodes": 1, "activeNodes": 1,
		"crossPartitionMetricsAvailable":          true,
		"totalUsedResourcesAcrossPartition":       resource(memory, cores),
		"totalClusterResourcesAcrossPartition":    resource(plenty, plenty),
		"totalReservedResourcesAcrossPartition":   resource(0, 0),
		"totalAllocatedContainersAcrossPartition": 0,
		"rmEventQueueSize":                        0,
		"schedulerEventQueueSize":                 0,
	}
	for _, key := range []string{
		"reservedMB", "pendingMB", "reservedVirtualCores", "pendingVirtualCores", "containersReserved", "containersPending",
		"utilizedMB", "utilizedVirtualCores", "utilizedMBPercent", "utilizedVirtualCoresPercent", "rmSchedulerBusyPercent",
		"lostNodes", "unhealthyNodes", "decommissioningNodes", "decommissionedNodes", "rebootedNodes", "shutdownNodes",
		"containerAssignedPerSecond",
	} {
		content[key] = 0
	}
	reply(w, http.StatusOK, map[string]any{"clusterMetrics": content})
}

// scheduler lists the queues, with the few of a CapacityScheduler's figures that
// clients read.
func (s *Server) scheduler(w http.ResponseWriter, _ *http.Request) {
	var queues []any
	for _, name := range s.options.Queues {
		queues = append(queues, map[string]any{
			"type": "capacitySchedulerLeafQueueInfo", "queuePath": "root." + name, "queueName": name, "state": "RUNNING",
			"capacity": 100.0 / float64(len(s.options.Queues)), "usedCapacity": 0.0, "maxCapacity": 100.0,
			"numApplications": 0, "nodeLabels": []string{"*"},
		})
	}
	reply(w, http.StatusOK, map[string]any{"scheduler": map[string]any{"schedulerInfo": map[string]any{
		"type": "capacityScheduler", "capacity": 100.0, "usedCapacity": 0.0, "maxCapacity": 100.0,
		"queueName": "root", "queuePath": "root", "queues": map[string]any{"queue": queues},
	}}})
}
