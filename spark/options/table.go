package options

import (
	"slices"
	"strings"
)

// Verdict is what a rule says of a key.
type Verdict string

// The verdicts.
const (
	// Pass: the key reaches Spark.
	Pass Verdict = "pass"
	// Map: the option reaches Spark as the conf key that the rule names.
	Map Verdict = "map"
	// Compare: the value must equal the cluster's, and goes no further.
	Compare Verdict = "compare"
	// Listed: passes only if the profile's AllowHadoop lists the key.
	Listed Verdict = "listed"
	// Archived: passes only if the value names a program in one of the archives that are
	// sent along and unpacked.
	Archived Verdict = "archived"
	// Clustered: passes on YARN in cluster mode only, where it concerns the cluster's hosts
	// alone.
	Clustered Verdict = "clustered"
	// Refuse: the job is invalid.
	Refuse Verdict = "refuse"
	// Own: one of Stoker's settings.
	Own Verdict = "own"
	// User: a spark.* key outside Spark's own namespaces; it reaches Spark's
	// conf, where the user's program reads it.
	User Verdict = "user"
	// Free: a parameter for the model; Spark never sees it.
	Free Verdict = "free"
)

// Rule is one row of the table.
type Rule struct {
	// Pattern of a key, without regard to case; '*' stands for any characters,
	// none and '.' included.
	Pattern string
	Verdict Verdict
	// Reason for people.
	Reason string
	// Conf is the conf key of a Map rule.
	Conf string
}

// Table returns the rules; the first that matches a key decides.
func Table() []Rule { return slices.Clone(table) }

// Namespaces returns the first parts of Spark's own keys: "sql" for
// spark.sql.*. A key elsewhere is the user's.
func Namespaces() []string { return slices.Clone(namespaces) }

// RuleFor returns the rule that decides a key.
func RuleFor(key string) Rule {
	key = strings.ToLower(strings.TrimSpace(key))
	for i, pattern := range lowered {
		if matches(pattern, key) {
			return table[i]
		}
	}
	return table[len(table)-1]
}

const (
	whyHostFile  = "reads files of the host that submits"
	whyFiles     = "may name files of the host that submits; a job lists its files apart, and a profile may set it"
	whyIdentity  = "changes whom the job runs as"
	whyCode      = "loads code into Spark's own processes, which is for the operator: a profile may set it"
	whyPackages  = "downloads code at each launch; list the JARs themselves"
	whyStokers   = "Stoker sets it itself"
	whyFollow    = "Stoker follows the application itself and decides on retries"
	whyCluster   = "belongs to the cluster; ask for another one with stoker.cluster"
	whyTuning    = "ordinary tuning"
	whyEnv       = "an environment variable that changes which code runs, or as whom"
	whyProgram   = "says which program of a host runs, which is for the operator: a profile may set it"
	whyDiscovery = "on YARN in cluster mode, where executors run it beside the job's own code; elsewhere a profile may set it"
	whyArchived  = "on YARN in cluster mode `./<name>/<path>`, an interpreter in an archive of the job or its profile (`env.tar.gz#<name>`)"
	whyProtected = "weakens or replaces the cluster's own protection"
)

var table = buildTable()

var lowered = func() []string {
	out := make([]string, len(table))
	for i, r := range table {
		out[i] = strings.ToLower(r.Pattern)
	}
	return out
}()

func buildTable() []Rule {
	var t []Rule
	add := func(verdict Verdict, reason string, patterns ...string) {
		for _, p := range patterns {
			t = append(t, Rule{Pattern: p, Verdict: verdict, Reason: reason})
		}
	}
	option := func(conf string, patterns ...string) {
		for _, p := range patterns {
			t = append(t, Rule{Pattern: p, Verdict: Map, Reason: whyTuning, Conf: conf})
		}
	}

	// spark-submit options.
	option("spark.executor.memory", "--executor-memory")
	option("spark.executor.cores", "--executor-cores")
	option("spark.executor.instances", "--num-executors")
	option("spark.cores.max", "--total-executor-cores")
	option("spark.driver.memory", "--driver-memory")
	option("spark.driver.cores", "--driver-cores")
	option("spark.yarn.queue", "--queue")
	option("spark.app.name", "--name")
	add(Pass, "spark-submit says more", "-v", "--verbose")
	add(Pass, "its key=value goes through this table", "--conf", "-c")
	add(Compare, "must be the cluster's; "+whyCluster, "--master", "--deploy-mode")
	add(Refuse, whyIdentity, "--keytab", "--principal", "--proxy-user")
	add(Refuse, whyHostFile, "--properties-file", "--load-spark-defaults")
	add(Refuse, "may name files of the host that submits; a job lists its files apart", "--files", "--archives", "--jars", "--py-files")
	add(Refuse, whyPackages, "--packages", "--exclude-packages", "--repositories")
	add(Refuse, "loads code into Spark's own processes, which is for the operator: a profile may set its key",
		"--driver-class-path", "--driver-library-path", "--driver-java-options")
	add(Refuse, "the program is the model", "--class")
	add(Refuse, whyFollow, "--supervise", "--kill", "--status")
	add(Refuse, "is not an option that Stoker passes on", "-*")

	// Code, files and identity.
	add(Refuse, "belongs to spark-submit itself; what Stoker has in its place are a job's fields and its cluster", "spark.submit.*")
	add(Compare, "must be the cluster's; "+whyCluster, "spark.master")
	add(Refuse, whyCluster, "spark.remote", "spark.api.mode", "spark.local.connect", "spark.home")
	add(Refuse, whyIdentity, "spark.*keytab*", "spark.*.principal*", "spark.kerberos.*", "spark.yarn.kerberos.*",
		"spark.yarn.access.*", "spark.security.*", "spark.kubernetes.kerberos.*", "spark.kubernetes.authenticate.*",
		"spark.kubernetes.hadoop.*", "spark.kubernetes.context", "spark.kubernetes.namespace", "spark.*proxyuser*")
	add(Refuse, whyFiles, "spark.jars")
	add(Refuse, whyPackages, "spark.jars.*")
	add(Refuse, whyCode, "spark.plugins", "spark.plugins.*",
		"spark.*extraClassPath", "spark.*extraLibraryPath", "spark.*javaOptions", "spark.*extraListeners",
		"spark.repl.*", "spark.sql.hive.metastore.jars", "spark.sql.hive.metastore.jars.*",
		"spark.python.daemon.module", "spark.python.worker.module", "spark.resources.discoveryPlugin")
	add(Archived, whyArchived, "spark.pyspark.python", "spark.pyspark.driver.python")
	add(Clustered, whyDiscovery, "spark.executor.resource.*.discoveryScript")
	add(Refuse, whyProgram, "spark.pyspark.*", "spark.r.*", "spark.sparkr.*", "spark.*discoveryScript")
	add(Refuse, whyFiles, "spark.files", "spark.archives", "spark.yarn.jar", "spark.yarn.jars", "spark.yarn.archive",
		"spark.yarn.dist.*", "spark.metrics.conf*",
		"spark.kubernetes.*podTemplate*", "spark.kubernetes.*hostPath*", "spark.kubernetes.file.upload.path")
	add(Refuse, "Spark sets it itself", "spark.yarn.secondary.jars", "spark.yarn.cache.*")
	add(Refuse, "reads secrets of the cluster", "spark.kubernetes.*secret*")
	add(Refuse, whyProtected, "spark.ssl.*", "spark.authenticate", "spark.authenticate.*", "spark.redaction.*")

	// What Stoker itself sets or does.
	add(Map, whyTuning, "spark.app.name")
	t[len(t)-1].Conf = "spark.app.name"
	add(Refuse, whyStokers, "spark.app.*", "spark.local.dir", "spark.yarn.stagingDir",
		"spark.kubernetes.driver.pod.name", "spark.launcher.*", "spark.stoker.*")
	add(Pass, "added to Stoker's own tags, which begin with "+TagPrefix, "spark.yarn.tags")
	add(Refuse, whyFollow, "spark.yarn.maxAppAttempts", "spark.driver.supervise", "spark.*waitAppCompletion")
	add(Refuse, "an old name that a limit would not meet; write spark.executor.memoryOverhead",
		"spark.yarn.executor.memoryOverhead")
	add(Refuse, "an old name that a limit would not meet; write spark.driver.memoryOverhead",
		"spark.yarn.driver.memoryOverhead")

	// Environment variables of driver and executors.
	add(Archived, whyArchived, "spark.yarn.appMasterEnv.PYSPARK_PYTHON", "spark.yarn.appMasterEnv.PYSPARK_DRIVER_PYTHON",
		"spark.executorEnv.PYSPARK_PYTHON")
	for _, prefix := range []string{"spark.executorEnv.", "spark.yarn.appMasterEnv.", "spark.kubernetes.driverEnv."} {
		for _, name := range []string{
			"LD_*", "PYTHON*", "PYSPARK*", "JAVA*", "_JAVA*", "JDK_*", "SPARK*", "HADOOP*", "YARN*", "KRB5*",
			"STOKER*", "CLASSPATH", "PATH", "HOME", "BASH_ENV", "ENV",
		} {
			add(Refuse, whyEnv, prefix+name)
		}
	}

	add(Listed, "only keys that the profile lists in allowHadoop", "spark.hadoop.*", "spark.hive.*")
	for _, n := range namespaces {
		add(Pass, whyTuning, "spark."+n+".*")
	}
	add(User, "outside Spark's own namespaces: the user's own", "spark.*")

	// Stoker's own, and what is left.
	add(Own, "the cluster to run on", "stoker.cluster")
	add(Own, "the profile to start from", "stoker.profile")
	add(Own, "how long the whole job may take: 90s, 2h", "stoker.deadline")
	add(Own, "how long the application may run: 90s, 2h", "stoker.runLimit")
	add(Refuse, "is no setting of Stoker; there are stoker.cluster, stoker.profile, stoker.deadline and stoker.runLimit",
		"stoker.*")
	add(Free, "a parameter for the model", "*")
	return t
}

// namespaces of Spark 2.4 to 4 that a job may tune. Keys directly below
// "spark." count as the user's, which makes no difference: both pass.
var namespaces = []string{
	"acls", "admin", "appStateStore", "barrier", "blacklist", "block", "blockManager", "broadcast", "buffer",
	"cleaner", "cores", "checkpoint", "connect", "decommission", "default", "deploy", "diskStore", "driver",
	"dynamicAllocation", "eventLog", "eventQueue", "excludeOnFailure", "executor", "executorEnv", "files",
	"graphx", "hadoopRDD", "history", "io", "job", "kryo", "kryoserializer", "kubernetes", "locality", "log",
	"maxRemoteBlockSizeFetchToMem", "memory", "metrics", "ml", "mllib", "modify", "network", "port", "python",
	"rapids", "rdd", "reducer", "resources", "rpc", "scheduler", "serializer", "shuffle", "speculation", "sql",
	"stage", "standalone", "storage", "streaming", "task", "taskMetrics", "ui", "unsafe", "user", "yarn",
}

// matches reports whether a key equals a pattern in which '*' is any run of
// characters. Both are in lower case.
func matches(pattern, key string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == key
	}
	if !strings.HasPrefix(key, head) {
		return false
	}
	key = key[len(head):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(key, part)
		}
		i := strings.Index(key, part)
		if i < 0 {
			return false
		}
		key, rest = key[i+len(part):], next
	}
}
