package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn"
	"github.com/stoker-spark/stoker/store"
)

func (e *yarnExam) files(ctx context.Context) Finding {
	if e.Mounted {
		info, err := e.Store.Stat(ctx, "/")
		if err == nil && !info.Dir {
			err = errors.New("/ is no directory")
		}
		if err != nil {
			return fail("mount the file system that the cluster's hosts share on this host, too, or set fs.defaultFS in "+e.ConfDirs[0]+"/core-site.xml",
				"%s cannot be used: %v", e.DefaultFS, err)
		}
		return ok("%s, which all hosts must have mounted alike", e.DefaultFS)
	}
	way, mend := "over WebHDFS", "dfs.namenode.http-address in "+e.ConfDirs[0]+"/hdfs-site.xml"
	if e.ByRPC {
		way, mend = "by RPC", "fs.defaultFS in "+e.ConfDirs[0]+"/core-site.xml, or set "+e.at+".yarn.hdfs to webhdfs if only its HTTP port can be reached"
	}
	if _, err := e.Store.Stat(ctx, "/"); err != nil {
		return fail("see that one is active, and "+mend, "%s cannot be reached %s: %v", e.DefaultFS, way, err)
	}
	return ok("%s answers %s", e.DefaultFS, way)
}

func (e *yarnExam) webHDFS(ctx context.Context) Finding {
	if _, err := e.WebHDFS.Stat(ctx, "/"); err != nil {
		return warn("set dfs.webhdfs.enabled to true, and dfs.namenode.http-address in "+e.ConfDirs[0]+"/hdfs-site.xml",
			"does not serve (%v): files that are erasure-coded or encrypted cannot be used", err)
	}
	return ok("serves")
}

// shell is a command on the default file system.
func (e *yarnExam) shell(command string) string {
	if e.Mounted {
		return command
	}
	return "hdfs dfs -" + command
}

// superuser is who may run any of them.
func (e *yarnExam) superuser() string {
	if e.Mounted {
		return "as root"
	}
	return "as HDFS's superuser"
}

// root writes a file and takes it away again: nothing less shows that a DataNode
// takes it.
func (e *yarnExam) root(ctx context.Context) Finding {
	mend := fmt.Sprintf("%s && %s (%s), or set %s.root", e.shell("mkdir -p "+e.Root), e.shell("chown "+e.User+" "+e.Root), e.superuser(), e.at)
	made := false
	if _, err := e.Store.Stat(ctx, e.Root); errors.Is(err, fs.ErrNotExist) {
		made = true // as a worker makes it
	}
	if err := e.Store.MkdirAll(ctx, e.Root, 0o700); err != nil {
		return fail(mend, "user %s cannot use %s: %v", e.User, e.Root, err)
	}
	probe := store.TempName(path.Join(e.Root, "doctor"))
	if err := e.Store.Create(ctx, probe, []byte("stoker doctor\n"), 0o600); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return fail(mend, "user %s cannot write to %s: %v", e.User, e.Root, err)
		}
		room := "see that HDFS is out of safe mode (hdfs dfsadmin -safemode get) and has live DataNodes with room (hdfs dfsadmin -report)"
		if e.Mounted {
			room = "see that the file system is mounted and has room (df " + path.Dir(e.Root) + ")"
		}
		return fail(room, "nothing can be written to %s: %v", e.Root, err)
	}
	if err := e.Store.RemoveAll(ctx, probe); err != nil {
		return warn("remove "+probe, "%s was written but cannot be removed: %v", probe, err)
	}
	if made {
		return ok("%s was made", e.Root)
	}
	return ok("%s can be written to", e.Root)
}

// runtime looks for the staged Spark and each of its files.
func (e *yarnExam) runtime(ctx context.Context) Finding {
	stage := fmt.Sprintf("stoker runtime stage --cluster %s --spark-home <a Spark %s>", e.Name, e.SparkVersion)
	found, err := yarn.FindRuntime(ctx, e.Store, e.Runtimes, e.SparkVersion)
	missing := job.CodeOf(err) == job.CodeNotFound
	switch {
	case missing && e.NamedSpark != "":
		return ok("none is staged below %s; applications run on %s", e.Runtimes, e.NamedSpark)
	case missing && !e.ByREST:
		return warn(stage, "no Spark %s is staged below %s: spark-submit uploads one for each application", e.SparkVersion, e.Runtimes)
	case missing:
		return fail(stage, "no Spark %s is staged below %s", e.SparkVersion, e.Runtimes)
	case errors.Is(err, fs.ErrPermission):
		return fail(e.shell("chmod -R a+rX "+e.Runtimes), "user %s cannot read %s: %v", e.User, e.Runtimes, err)
	case err != nil:
		return fail(stage, "the staged Spark %s cannot be read: %v", e.SparkVersion, err)
	}
	for _, file := range []yarn.RuntimeFile{found.Archive, found.PySpark, found.Py4J} {
		info, err := e.Store.Stat(ctx, file.Path)
		again := e.shell("rm -r "+path.Dir(file.Path)) + ", then " + stage
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fail(stage, "%s of the staged Spark %s is not there", file.Path, found.SparkVersion)
		case errors.Is(err, fs.ErrPermission):
			return fail(e.shell("chmod -R a+rX "+e.Runtimes), "user %s cannot read %s: %v", e.User, file.Path, err)
		case err != nil:
			return fail("see that "+e.DefaultFS+" works; or "+again, "%s cannot be looked at: %v", file.Path, err)
		case info.Dir || info.Size != file.Size:
			return fail(again, "%s has %d bytes where %d were staged", file.Path, info.Size, file.Size)
		}
	}
	if closed, err := found.Closed(ctx, e.Store); err == nil && closed != "" {
		return warn(e.shell("chmod a+rX "+closed), "%s is not everybody's to read: each user's applications fetch a copy of Spark %s", closed, found.SparkVersion)
	}
	return ok("Spark %s in %s", found.SparkVersion, path.Dir(found.Archive.Path))
}
