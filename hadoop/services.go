package hadoop

import (
	"net/url"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// Hadoop's default ports of YARN's web servers.
const (
	resourceManagerHTTPPort  = "8088"
	resourceManagerHTTPSPort = "8090"
)

// ResourceManager is one of a cluster's ResourceManagers.
type ResourceManager struct {
	// ID among several, as in yarn.resourcemanager.ha.rm-ids; "" if it is alone.
	ID string
	// Web is the URL of its web server, http://host:port, or https under
	// yarn.http.policy HTTPS_ONLY.
	Web string
}

// ResourceManagers returns where the ResourceManagers' web servers are, several
// of them with high availability. It is an error of code invalid if the
// configuration doesn't say.
func (c *Configuration) ResourceManagers() ([]ResourceManager, error) {
	ids := []string{""}
	if c.is("yarn.resourcemanager.ha.enabled") {
		if ids = c.Strings("yarn.resourcemanager.ha.rm-ids"); len(ids) == 0 {
			return nil, job.Errorf(job.CodeInvalid, "Hadoop configuration: yarn.resourcemanager.ha.rm-ids is not set, though yarn.resourcemanager.ha.enabled is true")
		}
	}
	scheme, key, port := "http", "yarn.resourcemanager.webapp.address", resourceManagerHTTPPort
	if strings.EqualFold(c.Get("yarn.http.policy"), "HTTPS_ONLY") {
		scheme, key, port = "https", "yarn.resourcemanager.webapp.https.address", resourceManagerHTTPSPort
	}
	managers := make([]ResourceManager, 0, len(ids))
	for _, id := range ids {
		suffix := ""
		if id != "" {
			suffix = "." + id
		}
		address, host := c.Get(key+suffix), c.Get("yarn.resourcemanager.hostname"+suffix)
		web := webURL(scheme, address, host, port)
		if strings.Contains(web, "://:") || strings.Contains(web, "://"+anyHost+":") {
			return nil, job.Errorf(job.CodeInvalid, "Hadoop configuration: neither %s nor %s says where the ResourceManager is",
				c.at(key+suffix), c.at("yarn.resourcemanager.hostname"+suffix))
		}
		managers = append(managers, ResourceManager{ID: id, Web: web})
	}
	return managers, nil
}

// HistoryServer returns the URL of the MapReduce history server's web server,
// which serves the aggregated logs of applications; "" if the configuration
// doesn't say. It is mapreduce.jobhistory.webapp.address, or else the server in
// yarn.log.server.web-service.url or in yarn.log.server.url, if that is one: both may
// name a timeline server, which has other paths.
func (c *Configuration) HistoryServer() string {
	scheme, key, port := "http", "mapreduce.jobhistory.webapp.address", "19888"
	if strings.EqualFold(c.Get("mapreduce.jobhistory.http.policy"), "HTTPS_ONLY") {
		scheme, key, port = "https", "mapreduce.jobhistory.webapp.https.address", "19890"
	}
	if address := c.Get(key); address != "" && hostOf(address) != anyHost {
		return webURL(scheme, address, "", port)
	}
	for _, key := range []string{"yarn.log.server.web-service.url", "yarn.log.server.url"} {
		u, err := url.Parse(c.Get(key))
		if err != nil || u.Host == "" {
			continue
		}
		for _, own := range []string{"/ws/v1/history", "/jobhistory"} {
			if before, after, ok := strings.Cut(u.Path, own); ok && (after == "" || after[0] == '/') {
				return u.Scheme + "://" + u.Host + before
			}
		}
	}
	return ""
}

// LogFolder is where NodeManagers put the logs of ended applications.
type LogFolder struct {
	// Dir is a directory of the default file system, unless it is a URL.
	Dir string
	// Suffix of the folder's name in each user's directory below Dir, such as
	// "logs-tfile" of "bucket-logs-tfile".
	Suffix string
}

// AggregatedLogs returns where NodeManagers of this configuration may put logs: a
// folder for each file format, the one that they write first. TFile is always
// among them, since clients are often not told what NodeManagers write.
//
// Source: LogAggregationFileController.initialize and
// LogAggregationFileControllerFactory of Hadoop 3.3 to 3.5.
func (c *Configuration) AggregatedLogs() []LogFolder {
	var folders []LogFolder
	for _, format := range append(c.Strings("yarn.log-aggregation.file-formats"), "TFile") {
		own := "yarn.log-aggregation." + format + ".remote-app-log-dir"
		f := LogFolder{
			Dir:    c.or(own, c.or("yarn.nodemanager.remote-app-log-dir", "/tmp/logs")),
			Suffix: c.or(own+"-suffix", c.or("yarn.nodemanager.remote-app-log-dir-suffix", "logs")+"-"+strings.ToLower(format)),
		}
		if !slices.Contains(folders, f) {
			folders = append(folders, f)
		}
	}
	return folders
}
