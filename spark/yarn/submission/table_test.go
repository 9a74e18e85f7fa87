package submission_test

import (
	"time"

	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

var oddArgs = []string{
	"plain", "", " ", "two words", "it's", `say "hi"`, "$HOME", "${HOME}", "$(id)", `back\slash`, `end\`, "new\nline", "tab\t",
	"a,b", "ünï💡", "*", "!", "#x", "~", "&", ";", "|", "> /dev/null", "--arg", "-", "<b>", "{a}", "'", "''", "--properties-file",
}

// table holds the jobs that are submitted both ways. @HDFS is the directory of the
// fixtures, @LOCAL the same on this host, @SPARK is SPARK_HOME.
var table = map[string]one{
	"plain Python": {program: "probe.py"},
	"plain JAR": {program: "probe.jar", class: "Probe", differs: []string{
		// A file of the submitting host is sent along under another URL.
		"- exec ", "+ exec ", "- PROBE property 'sun.java.command'", "+ PROBE property 'sun.java.command'",
		`- .2.5.5 "file:`, `+ .2.5.5 "hdfs:`,
	}},
	"arguments, Python": {program: "probe.py", inHDFS: true, args: oddArgs},
	"arguments, JAR":    {program: "probe.jar", class: "Probe", inHDFS: true, args: oddArgs},
	"files": {program: "probe.py", inHDFS: true, files: []string{
		"data.txt", "more.txt#renamed.txt", "private/helper.py#sub/dir.txt", "with space.txt", "ünï.txt#öä.txt", "local:/etc/hosts",
	}},
	"archives": {program: "probe.py", inHDFS: true, archives: []string{"tree.zip#tree", "private/tree.tar.gz#env", "other.zip"}},
	"py-files": {program: "probe.py", inHDFS: true, pyFiles: []string{"helper.py", "lib.zip", "private/other.zip", "local:/opt/x.zip"}},
	"jars": {
		program: "probe.jar", class: "Probe", inHDFS: true,
		jars: []string{"one.jar", "private/two.jar#zwei.jar", "one.jar", "local:/opt/three.jar"},
	},
	"JAR with Python files": {
		program: "probe.jar", class: "Probe", inHDFS: true, pyFiles: []string{"lib.zip", "helper.py"},
		conf: map[string]string{"spark.yarn.isPython": "true"},
	},
	"no program file": {class: "Probe", inHDFS: true, jars: []string{"probe.jar"}},
	"local program":   {program: "local:@LOCAL/probe.jar", class: "Probe", inHDFS: true, jars: []string{"local:@LOCAL/one.jar"}},
	"memory and cores": {
		program: "probe.py", inHDFS: true,
		options: []string{"--driver-memory", "700M", "--executor-memory", "600m", "--driver-cores", "2", "--executor-cores", "2", "--num-executors", "1"},
		fields: func(in *submission.Input) {
			in.Conf["spark.driver.memory"], in.Conf["spark.executor.memory"] = "700M", "600m"
			in.Conf["spark.driver.cores"], in.Conf["spark.executor.cores"] = "2", "2"
		},
		conf: map[string]string{
			"spark.driver.memoryOverhead": "500", "spark.executor.memoryOverhead": "400m", "spark.executor.pyspark.memory": "200m",
			"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "100m",
		},
	},
	"overhead factors": {program: "probe.jar", class: "Probe", inHDFS: true, conf: map[string]string{
		"spark.driver.memory": "999m", "spark.executor.memory": "1001m",
		"spark.driver.memoryOverheadFactor": "0.77", "spark.executor.memoryOverheadFactor": "0.7",
	}},
	"dynamic allocation": {program: "probe.jar", class: "Probe", inHDFS: true, conf: map[string]string{
		"spark.dynamicAllocation.enabled": "true", "spark.dynamicAllocation.shuffleTracking.enabled": "true",
		"spark.dynamicAllocation.minExecutors": "1", "spark.dynamicAllocation.initialExecutors": "1", "spark.dynamicAllocation.maxExecutors": "2",
		"spark.dynamicAllocation.executorIdleTimeout": "300s",
	}},
	"custom resources": {program: "probe.jar", class: "Probe", inHDFS: true, conf: map[string]string{
		"spark.yarn.executor.resource.unit.amount": "1",
	}},
	"configured files": {program: "probe.py", inHDFS: true, files: []string{"private/helper.py#h"}, conf: map[string]string{
		"spark.yarn.dist.files": "@HDFS/data.txt,@HDFS/more.txt#m.txt", "spark.yarn.dist.archives": "@HDFS/tree.zip#tree",
		"spark.yarn.dist.pyFiles": "@HDFS/lib.zip", "spark.yarn.dist.jars": "@HDFS/one.jar",
	}, differs: []string{
		// Spark lists there what --py-files names alone. Of all that is there PySpark says that it
		// cannot add it to Python's path, where YARN has put it.
		"- __spark_conf__.properties: spark.submit.pyFiles=", "+ __spark_conf__.properties: spark.submit.pyFiles=",
		"- PROBE conf 'spark.submit.pyFiles'", "+ PROBE conf 'spark.submit.pyFiles'", "+ /", "+ warnings.warn(",
	}},
	"old keys": {program: "probe.py", inHDFS: true, conf: map[string]string{
		"spark.yarn.driver.memoryOverhead": "450", "spark.yarn.executor.memoryOverhead": "460m", "spark.driver.host": "nowhere",
	}},
	"identity": {
		program: "probe.py", inHDFS: true,
		options: []string{"--name", `A name: "x" & <ü>`, "--queue", "batch"},
		fields: func(in *submission.Input) {
			priority := 0
			in.Name, in.Queue, in.Priority, in.Type = `A name: "x" & <ü>`, "batch", &priority, "ETL"
			in.Tags, in.MaxAttempts, in.FailuresValidity = []string{"one", "Two words"}, 2, 90*time.Second
		},
		conf: map[string]string{
			"spark.yarn.tags": "one,Two words", "spark.yarn.priority": "0", "spark.yarn.applicationType": "ETL",
			"spark.yarn.maxAppAttempts": "2", "spark.yarn.am.attemptFailuresValidityInterval": "90000ms",
			"spark.yarn.rolledLog.includePattern": "std.*", "spark.yarn.rolledLog.excludePattern": ".*err",
			"spark.admin.acls": "ann,bob", "spark.ui.view.acls": "carl", "spark.modify.acls.groups": "ops,dev", "spark.ui.view.acls.groups": "*",
		},
	},
	"master's environment": {
		program: "probe.py", inHDFS: true, env: map[string]string{"PYSPARK_DRIVER_PYTHON": "@SPARK/../../../../bin/python3", "PYTHONHASHSEED": "7"},
		conf: map[string]string{
			"spark.yarn.appMasterEnv.PLAIN": "x", "spark.yarn.appMasterEnv.SPACES": "a b  c", "spark.yarn.appMasterEnv.DOLLAR": "$PLAIN/{{USER}}<CPS>x",
			"spark.yarn.appMasterEnv.PYTHONPATH": "/opt/lib", "spark.yarn.appMasterEnv.CLASSPATH": "/opt/cp/*", "spark.yarn.appMasterEnv.SPARK_USER": "root",
			"spark.yarn.appMasterEnv.QUOTED": `say \"hi\"`, "spark.yarn.appMasterEnv.UMLAUT": "ü", "spark.yarn.appMasterEnv.EMPTY": "",
		},
		// spark-submit's script overwrites it for the client.
		differs: []string{"- export PYTHONHASHSEED=", "+ export PYTHONHASHSEED=", `- .2.5.4 {.1 "PYTHONHASHSEED"`, `+ .2.5.4 {.1 "PYTHONHASHSEED"`, "- PROBE env 'PYTHONHASHSEED'", "+ PROBE env 'PYTHONHASHSEED'"},
	},
	"executors' environment": {
		program: "probe.py", inHDFS: true, pyFiles: []string{"lib.zip"}, env: map[string]string{"PYTHONPATH": "/opt/mine"},
		conf: map[string]string{
			"spark.executorEnv.PLAIN": "x", "spark.executorEnv.PYTHONPATH": "/opt/lib", "spark.executorEnv.CLASSPATH": "/opt/cp/*",
			"spark.executorEnv.JAVA_HOME": "/usr/lib/jvm/java-17-openjdk-amd64", "spark.yarn.appMasterEnv.JAVA_HOME": "/usr/lib/jvm/java-17-openjdk-amd64",
		},
	},
	"single jars": {
		program: "probe.py", inHDFS: true, noArchive: true,
		conf: map[string]string{"spark.yarn.jars": "@HDFS/one.jar,local:@SPARK/jars/*,@HDFS/private/two.jar"},
	},
	"local jars": {
		program: "probe.jar", class: "Probe", inHDFS: true, noArchive: true, conf: map[string]string{"spark.yarn.jars": "local:@SPARK/jars/*"},
	},
	"Java options": {program: "probe.jar", class: "Probe", inHDFS: true, conf: map[string]string{
		"spark.driver.defaultJavaOptions":   "-Da.default=1 -XX:+UseSerialGC",
		"spark.driver.extraJavaOptions":     `-Da.quoted="two words" -Da.single='it is' -Da.app={{APP_ID}} -Da.dir={{PWD}}/x -Da.log=<LOG_DIR>/gc -Da.dollar=$X -Da.apos="it's"`,
		"spark.executor.defaultJavaOptions": "-Db.default=1",
		"spark.executor.extraJavaOptions":   `-Db.quoted="two words" -Db.app={{APP_ID}} -Db.exec={{EXECUTOR_ID}}`,
	}},
	"extra paths": {program: "probe.jar", class: "Probe", inHDFS: true, conf: map[string]string{
		"spark.driver.extraClassPath": "/gw/a/*:/b", "spark.executor.extraClassPath": "/gw/c", "spark.driver.extraLibraryPath": "/gw/lib:/other lib",
		"spark.executor.extraLibraryPath": "/gw/lib", "spark.yarn.config.gatewayPath": "/gw", "spark.yarn.config.replacementPath": "{{HADOOP_COMMON_HOME}}/../..",
	}},
	"class path first": {
		program: "probe.jar", class: "Probe", inHDFS: true, jars: []string{"one.jar", "two.jar#zwei.jar", "local:/opt/three.jar"},
		conf: map[string]string{"spark.yarn.user.classpath.first": "true"},
	},
	"Hadoop's class path": {
		program: "probe.jar", class: "Probe", inHDFS: true, env: map[string]string{"SPARK_DIST_CLASSPATH": "/opt/hadoop/*:/opt/more"},
		conf: map[string]string{"spark.yarn.populateHadoopClasspath": "true"},
	},
	"Hadoop settings": {program: "probe.jar", class: "Probe", inHDFS: true, conf: map[string]string{
		"spark.hadoop.my.key": "value & <more>", "spark.hadoop.dfs.replication": "2", "spark.hive.exec.x": "y", "spark.my.password": "hunter2",
	}},
	"references": {program: "probe.jar", class: "Probe", inHDFS: true, conf: map[string]string{
		"spark.my.size": "700m", "spark.driver.memoryOverhead": "${spark.my.size}", "spark.my.opts": "-Da=${spark.my.size}",
		"spark.driver.extraJavaOptions": "${spark.my.opts} -Db=${env:PYSPARK_PYTHON}",
	}},
	"configuration files": {
		program: "probe.py", inHDFS: true, sparkConf: map[string]string{
			"spark-defaults.conf": "# defaults\nspark.my.plain one two  \nspark.my.equals=a=b\nspark.my.colon : c:d\nspark.my.long a\\\n    b\n" +
				"spark.my.unicode \\u00fc and ü\nspark.my.escaped tab\\tend\\n\nspark.my.empty\n!spark.no x\nspark.my.url hdfs://a/b#c!d\n" +
				"not.spark ignored\nspark.driver.memory 600m\nspark.my.path C:\\\\x\n",
			"log4j2.properties":  "rootLogger.level = info\nrootLogger.appenderRef.stdout.ref = console\nappender.console.type = Console\nappender.console.name = console\nappender.console.target = SYSTEM_ERR\nappender.console.layout.type = PatternLayout\n",
			"metrics.properties": "# none\n",
			"hive-site.xml":      "<configuration><property><name>hive.my</name><value>1</value></property></configuration>",
			"spark-env.sh":       "# variables\nexport FROM_ENV=x\nPYSPARK_DRIVER_PYTHON=\"python3\"\nexport SPARK_EXECUTOR_CORES=1\n",
		},
	},
}
