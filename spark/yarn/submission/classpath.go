package submission

import (
	"strings"
)

// Hadoop's defaults of yarn.application.classpath and
// mapreduce.application.classpath.
var (
	defaultYARNClassPath = []string{
		"$HADOOP_CONF_DIR", "$HADOOP_COMMON_HOME/share/hadoop/common/*", "$HADOOP_COMMON_HOME/share/hadoop/common/lib/*",
		"$HADOOP_HDFS_HOME/share/hadoop/hdfs/*", "$HADOOP_HDFS_HOME/share/hadoop/hdfs/lib/*",
		"$HADOOP_YARN_HOME/share/hadoop/yarn/*", "$HADOOP_YARN_HOME/share/hadoop/yarn/lib/*",
	}
	defaultMapReduceClassPath = []string{"$HADOOP_MAPRED_HOME/share/hadoop/mapreduce/*", "$HADOOP_MAPRED_HOME/share/hadoop/mapreduce/lib/*"}
)

// classPath of the application master. Jars of the user are not on it: the master
// loads them itself.
func (b *builder) classPath() []string {
	var entries []string
	if extra, ok := b.conf.get("spark.driver.extraClassPath"); ok {
		entries = append(entries, b.clusterPath(extra))
	}
	entries = append(entries, workDir, workDir+"/"+linkConf)
	if b.conf.boolean("spark.yarn.user.classpath.first", false) {
		entries = append(entries, b.userJars()...)
	}
	entries = append(entries, workDir+"/"+linkLibs+"/*")
	for _, jar := range b.in.Runtime.Jars {
		if l, err := parseLocation(jar.URL); err == nil && l.isLocal() {
			entries = append(entries, b.clusterPath(l.path))
		}
	}
	if b.populatesHadoop() {
		entries = append(entries, b.hadoopClassPath("runtime.yarnClassPath", b.in.Runtime.YARNClassPath, "yarn.application.classpath", defaultYARNClassPath)...)
		entries = append(entries, b.hadoopClassPath("runtime.mapReduceClassPath", b.in.Runtime.MapReduceClassPath, "mapreduce.application.classpath", defaultMapReduceClassPath)...)
	}
	if dist := b.in.Env["SPARK_DIST_CLASSPATH"]; dist != "" {
		entries = append(entries, b.clusterPath(dist))
	}
	return append(entries, workDir+"/"+linkConf+"/"+dirHadoop)
}

// userJars come in front of Spark's with a deprecated key.
func (b *builder) userJars() []string {
	app := workDir + "/" + linkApp
	if jar, ok := b.conf.values["spark.yarn.user.jar"]; ok {
		app = b.clusterPath(strings.TrimPrefix(jar, schemeLocal+":"))
	}
	entries := []string{app}
	for _, jar := range b.in.Jars {
		l, err := parseLocation(jar.URL)
		switch {
		case err != nil:
		case l.isLocal():
			entries = append(entries, b.clusterPath(l.path))
		default:
			entries = append(entries, workDir+"/"+linkName(jar, l))
		}
	}
	return entries
}

func (b *builder) populatesHadoop() bool {
	return b.conf.boolean("spark.yarn.populateHadoopClasspath", b.in.Runtime.HadoopProvided)
}

func (b *builder) hadoopClassPath(field string, given []string, key string, otherwise []string) []string {
	if len(given) > 0 {
		return given
	}
	entries := splitList(b.hadoop[key])
	if len(entries) == 0 {
		return otherwise
	}
	for _, entry := range entries {
		if strings.Contains(entry, "${") {
			b.problemf("%s: %s of the Hadoop configuration refers to other properties; give the class path in full", field, key)
			return nil
		}
	}
	return entries
}

// clusterPath translates a path of a gateway to one of the nodes.
func (b *builder) clusterPath(path string) string {
	gateway, ok1 := b.conf.get("spark.yarn.config.gatewayPath")
	replacement, ok2 := b.conf.get("spark.yarn.config.replacementPath")
	if !ok1 || !ok2 || gateway == "" {
		return path
	}
	return strings.ReplaceAll(path, gateway, replacement)
}
