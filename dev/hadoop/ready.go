package hadoop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// readyTimeout is several times what a start takes on two busy cores.
const readyTimeout = 5 * time.Minute

// client talks to the daemons. A frozen one accepts connections but never
// answers.
var client = &http.Client{Timeout: 5 * time.Second}

// get reads a JSON document.
func get(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // only read from
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}

// bean reads one of a daemon's management beans.
func bean(ctx context.Context, web, name string, into any) error {
	var reply struct {
		Beans []json.RawMessage `json:"beans"`
	}
	if err := get(ctx, web+"/jmx?qry=Hadoop:"+name, &reply); err != nil {
		return err
	}
	if len(reply.Beans) == 0 {
		return fmt.Errorf("no bean %s yet", name)
	}
	return json.Unmarshal(reply.Beans[0], into)
}

// ready returns nil if a daemon works, with those that it works with, and else
// what it lacks. A daemon that is down or frozen does not count as one to work
// with.
func (c *Cluster) ready(ctx context.Context, d Daemon) error {
	switch d {
	case NameNode:
		return c.nameNodeReady(ctx)
	case DataNode:
		return c.dataNodeReady(ctx)
	case ResourceManager:
		return c.resourceManagerReady(ctx)
	case NodeManager:
		return c.nodeManagerReady(ctx)
	default:
		var info struct {
			HistoryInfo json.RawMessage `json:"historyInfo"`
		}
		return get(ctx, c.Addresses.HistoryWeb+"/ws/v1/history/info", &info)
	}
}

func (c *Cluster) nameNodeReady(ctx context.Context) error {
	var info struct{ Safemode string }
	if err := bean(ctx, c.Addresses.NameNodeWeb, "service=NameNode,name=NameNodeInfo", &info); err != nil {
		return err
	}
	if !c.process(DataNode).answering() {
		return nil // and the NameNode stays in safe mode
	}
	if info.Safemode != "" {
		return fmt.Errorf("in safe mode: %s", info.Safemode)
	}
	var system struct{ NumLiveDataNodes int }
	if err := bean(ctx, c.Addresses.NameNodeWeb, "service=NameNode,name=FSNamesystemState", &system); err != nil {
		return err
	}
	if system.NumLiveDataNodes != 1 {
		return errors.New("no live DataNode")
	}
	return nil
}

func (c *Cluster) dataNodeReady(ctx context.Context) error {
	// A list, as JSON in a string.
	var info struct{ BPServiceActorInfo string }
	if err := bean(ctx, c.Addresses.DataNodeWeb, "service=DataNode,name=DataNodeInfo", &info); err != nil {
		return err
	}
	if !c.process(NameNode).answering() {
		return nil
	}
	var actors []struct{ ActorState, BlockPoolID string }
	if err := json.Unmarshal([]byte(info.BPServiceActorInfo), &actors); err != nil {
		return fmt.Errorf("the DataNode's actors: %w", err)
	}
	if len(actors) != 1 || actors[0].ActorState != "RUNNING" {
		return errors.New("not registered at the NameNode")
	}
	return c.nameNodeReady(ctx)
}

func (c *Cluster) resourceManagerReady(ctx context.Context) error {
	var reply struct {
		ClusterInfo struct {
			State string `json:"state"`
		} `json:"clusterInfo"`
	}
	if err := get(ctx, c.Addresses.ResourceManagerWeb+"/ws/v1/cluster/info", &reply); err != nil {
		return err
	}
	if reply.ClusterInfo.State != "STARTED" {
		return fmt.Errorf("in state %s", reply.ClusterInfo.State)
	}
	if c.process(NodeManager).answering() {
		return c.nodeRegistered(ctx)
	}
	return nil
}

func (c *Cluster) nodeManagerReady(ctx context.Context) error {
	var reply struct {
		NodeInfo json.RawMessage `json:"nodeInfo"`
	}
	if err := get(ctx, c.Addresses.NodeManagerWeb+"/ws/v1/node/info", &reply); err != nil {
		return err
	}
	if c.process(ResourceManager).answering() {
		return c.nodeRegistered(ctx)
	}
	return nil
}

// nodeRegistered asks the ResourceManager for a running node whose health was
// looked at by the NodeManager of today: one that was killed counts as running
// until it expires.
func (c *Cluster) nodeRegistered(ctx context.Context) error {
	var reply struct {
		Nodes struct {
			Node []struct {
				State            string `json:"state"`
				LastHealthUpdate int64  `json:"lastHealthUpdate"`
			} `json:"node"`
		} `json:"nodes"`
	}
	if err := get(ctx, c.Addresses.ResourceManagerWeb+"/ws/v1/cluster/nodes", &reply); err != nil {
		return err
	}
	started := c.process(NodeManager).Started.UnixMilli()
	for _, node := range reply.Nodes.Node {
		if node.State == "RUNNING" && node.LastHealthUpdate >= started {
			return nil
		}
	}
	return errors.New("no live NodeManager")
}

// await waits until daemons are ready, or one of them ends.
func (c *Cluster) await(ctx context.Context, daemons ...Daemon) error {
	waiting, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, d := range daemons {
		for {
			for _, other := range daemons {
				if p := c.process(other); !p.alive() {
					return c.died(other, p.LogOffset)
				}
			}
			lacks := c.ready(waiting, d)
			if lacks == nil {
				break
			}
			if pause(waiting, 100*time.Millisecond) != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return fmt.Errorf("the %s is not ready after %v: %w; its log is %s", d, readyTimeout, lacks, c.Log(d))
			}
		}
	}
	return nil
}
