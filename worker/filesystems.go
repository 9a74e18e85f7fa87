package worker

import (
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/file"
	"github.com/stoker-spark/stoker/store/hdfs"
	"github.com/stoker-spark/stoker/store/webhdfs"
)

// dirMode is the mode of parents that stores make: jobs are nobody else's.
const dirMode fs.FileMode = 0o700

// fileSystems opens the file systems of a Hadoop cluster. None of them is
// connected to before it is used.
type fileSystems struct {
	configuration *hadoop.Configuration
	way           config.HDFS
	user          string
	http          *hadoop.HTTP
	logger        *slog.Logger
}

// openFileSystems opens the default file system and what else a job's inputs may
// be in: the name services that the configuration knows, their WebHDFS, and those
// that Stoker's own configuration adds. All other hosts stay unasked, whatever a
// job names.
func openFileSystems(c *hadoop.Configuration, y config.YARN, user string, clients *hadoop.HTTP, logger *slog.Logger) (store.Set, error) {
	f := fileSystems{configuration: c, way: y.HDFS, user: user, logger: logger, http: clients}
	var set store.Set
	var err error
	if set.Default, err = f.open(c.DefaultFS()); err != nil {
		return store.Set{}, err
	}
	services := c.NameServices()
	if own, err := c.Authority(); err == nil && !slices.Contains(services, own) {
		services = append([]string{own}, services...) // one NameNode without a name
	}
	for _, service := range services {
		if err := f.add(&set, service); err != nil {
			return store.Set{}, err
		}
	}
	for _, uri := range y.FileSystems {
		st, err := f.open(uri)
		if err != nil {
			return store.Set{}, err
		}
		set.Stores = append(set.Stores, st)
	}
	return set, nil
}

// add adds a name service, or a NameNode, under all its names: its own, over HTTP,
// and those of its NameNodes one by one, of which the active one is asked.
func (f *fileSystems) add(set *store.Set, service string) error {
	st, _, err := set.Resolve("hdfs://" + service + "/")
	if err != nil {
		if st, err = f.open("hdfs://" + service); err != nil {
			return err
		}
		set.Stores = append(set.Stores, st)
	}
	namenodes, err := f.configuration.NameNodes(service)
	if err != nil {
		return err
	}
	for _, address := range namenodes {
		set.Aliases = append(set.Aliases, store.Alias{Name: "hdfs://" + address, Store: st})
	}
	if !f.overHTTP() {
		return nil
	}
	pages, err := f.configuration.NameNodeWeb(service)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(pages))
	for _, page := range pages {
		names = append(names, webScheme(page)+page[strings.Index(page, "://"):])
	}
	as := names[0]
	if slices.Contains(f.configuration.NameServices(), service) {
		as = webScheme(pages[0]) + "://" + service
	}
	web, err := f.web(as, pages)
	if err != nil {
		return err
	}
	set.Stores = append(set.Stores, web)
	for _, name := range names {
		set.Aliases = append(set.Aliases, store.Alias{Name: name, Store: web})
	}
	return nil
}

// fileSystemOf parses the URI of a file system, with a slash at its end or without.
func fileSystemOf(uri string) (store.Location, error) {
	return store.ParseLocation(strings.TrimRight(uri, "/") + "///")
}

// open opens the file system of a URI, such as "hdfs://nameservice1".
func (f *fileSystems) open(uri string) (store.Store, error) {
	loc, err := fileSystemOf(uri)
	if err != nil {
		return nil, err
	}
	switch loc.Scheme {
	case "file":
		return file.New(file.Options{DirMode: dirMode}), nil
	case "webhdfs", "swebhdfs":
		return f.webAlone(loc)
	case "hdfs":
	default:
		return nil, job.Errorf(job.CodeInvalid, "file system %s: Stoker knows hdfs://, webhdfs://, swebhdfs:// and file:///; "+
			"set fs.defaultFS of the Hadoop configuration to one of them", uri)
	}
	var web store.Store
	if f.way == config.HDFSByWebHDFS || f.overHTTP() {
		o, err := webhdfs.FromConfiguration(f.configuration, loc.Authority)
		if err != nil {
			return nil, err
		}
		if web, err = f.web(o.As, o.Addresses); err != nil {
			return nil, err
		}
	}
	if f.way == config.HDFSByWebHDFS {
		return web, nil
	}
	o, err := hdfs.FromConfiguration(f.configuration, loc.Authority)
	if err != nil {
		return nil, err
	}
	o.User, o.DirMode, o.Logger, o.WebHDFS = f.user, dirMode, f.logger, web
	return hdfs.New(o)
}

// overHTTP: a cluster may have switched WebHDFS off.
//
// Source: dfs.webhdfs.enabled of hdfs-default.xml.
func (f *fileSystems) overHTTP() bool {
	return !strings.EqualFold(f.configuration.Get("dfs.webhdfs.enabled"), "false")
}

// webAlone opens a file system that is named as WebHDFS: by a name service, or by
// the address of a NameNode's or a gateway's web server.
func (f *fileSystems) webAlone(loc store.Location) (store.Store, error) {
	pages, err := webPages(f.configuration, loc)
	if err != nil {
		return nil, err
	}
	return f.web(loc.Scheme+"://"+loc.Authority, pages)
}

// webPages are the URLs of the web servers behind a file system that is named as
// WebHDFS.
func webPages(c *hadoop.Configuration, loc store.Location) ([]string, error) {
	if slices.Contains(c.NameServices(), loc.Authority) {
		return c.NameNodeWeb(loc.Authority)
	}
	page := "http://" + loc.Authority
	if loc.Scheme == "swebhdfs" {
		page = "https://" + loc.Authority
	}
	if !strings.Contains(loc.Authority, ":") {
		page += map[string]string{"webhdfs": ":9870", "swebhdfs": ":9871"}[loc.Scheme]
	}
	return []string{page}, nil
}

// defaultPages are the URLs of the web servers of the default file system's
// NameNodes; none where it is on disks that all hosts have mounted.
func defaultPages(c *hadoop.Configuration) ([]string, error) {
	loc, err := fileSystemOf(c.DefaultFS())
	switch {
	case err != nil:
		return nil, err
	case loc.Scheme == "file":
		return nil, nil
	case loc.Scheme == "hdfs":
		return c.NameNodeWeb("")
	}
	return webPages(c, loc)
}

func (f *fileSystems) web(as string, pages []string) (*webhdfs.Store, error) {
	return webhdfs.New(webhdfs.Options{Addresses: pages, HTTP: f.http, As: as, DirMode: dirMode})
}

// webScheme is the scheme of WebHDFS at a web server.
func webScheme(page string) string {
	if strings.HasPrefix(page, "https:") {
		return "swebhdfs"
	}
	return "webhdfs"
}
