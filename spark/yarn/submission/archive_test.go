package submission_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/properties"
	"github.com/stoker-spark/stoker/spark/yarn/submission"
)

func TestConfigurationFiles(t *testing.T) {
	t.Parallel()
	r := prepare(t, pythonJob(func(in *submission.Input) {
		in.HadoopConf["log4j.properties"] = []byte("l")
		in.HadoopConf["hive-site.xml"] = []byte("hadoop's")
		in.SparkConf = map[string][]byte{
			"log4j2.xml": []byte("<x/>"), "metrics.properties": []byte("m"), "hive-site.xml": []byte("spark's"), "spark-env.sh": []byte("e"), "log4j2.properties": []byte("p"),
		}
	}))
	require.Equal(t, []string{
		"log4j2.xml", "log4j2.properties", "metrics.properties", "__hadoop_conf__/", "__hadoop_conf__/core-site.xml", "__hadoop_conf__/hive-site.xml",
		"__hadoop_conf__/log4j.properties", "__hadoop_conf__/log4j2.xml", "__spark_hadoop_conf__.xml", "__spark_conf__.properties", "__spark_dist_cache__.properties",
	}, r.names)
	require.Equal(t, "spark's", r.files["__hadoop_conf__/hive-site.xml"])
	require.Equal(t, "m", r.files["metrics.properties"])
}

func TestHadoopConfiguration(t *testing.T) {
	t.Parallel()
	r := prepare(t, pythonJob(func(in *submission.Input) {
		in.HadoopConf["core-site.xml"] = []byte(`<?xml version="1.0"?><!-- c --><configuration>
			<property><name> fs.defaultFS </name><value>hdfs://nn:9000</value><description>d</description></property>
			<property><name>a</name><value>core</value></property>
			<property><name>final</name><value>core</value><final>true</final></property>
			<property name="attribute" value="x y"/>
			<property><name>no.value</name></property>
			<property><name>empty</name><value></value></property>
			<property><name>refers</name><value>${user.home}/&lt;x&gt;</value></property></configuration>`)
		in.HadoopConf["yarn-site.xml"] = []byte(`<configuration><property><name>a</name><value>yarn</value></property>` +
			`<property><name>final</name><value>yarn</value></property><property><name>hive.x</name><value>site</value></property></configuration>`)
		in.Conf = map[string]string{"spark.hadoop.a": "spark & co", "spark.hive.x": "spark", "spark.hive.y": "spark", "spark.hadoop.final": "set"}
	}))
	var got struct {
		Properties []struct {
			Name  string `xml:"name"`
			Value string `xml:"value"`
		} `xml:"property"`
	}
	require.NoError(t, xml.Unmarshal([]byte(r.files["__spark_hadoop_conf__.xml"]), &got))
	properties := map[string]string{}
	for _, p := range got.Properties {
		properties[p.Name] = p.Value
	}
	require.Equal(t, map[string]string{
		"fs.defaultFS": "hdfs://nn:9000", "a": "spark & co", "final": "set", "attribute": "x y", "empty": "", "refers": "${user.home}/<x>",
		"hive.x": "spark", "hive.y": "spark",
	}, properties)
	require.Equal(t, "spark & co", r.conf["spark.hadoop.a"])
}

func TestHadoopClassPath(t *testing.T) {
	t.Parallel()
	provided := func(change func(*submission.Input)) string {
		return prepare(t, pythonJob(func(in *submission.Input) {
			in.Runtime.HadoopProvided = true
			in.HadoopConf = nil
			change(in)
		})).env()["CLASSPATH"]
	}
	require.Equal(t, "{{PWD}}<CPS>{{PWD}}/__spark_conf__<CPS>{{PWD}}/__spark_libs__/*<CPS>$HADOOP_CONF_DIR<CPS>$HADOOP_COMMON_HOME/share/hadoop/common/*"+
		"<CPS>$HADOOP_COMMON_HOME/share/hadoop/common/lib/*<CPS>$HADOOP_HDFS_HOME/share/hadoop/hdfs/*<CPS>$HADOOP_HDFS_HOME/share/hadoop/hdfs/lib/*"+
		"<CPS>$HADOOP_YARN_HOME/share/hadoop/yarn/*<CPS>$HADOOP_YARN_HOME/share/hadoop/yarn/lib/*<CPS>$HADOOP_MAPRED_HOME/share/hadoop/mapreduce/*"+
		"<CPS>$HADOOP_MAPRED_HOME/share/hadoop/mapreduce/lib/*<CPS>{{PWD}}/__spark_conf__/__hadoop_conf__", provided(func(*submission.Input) {}))
	require.Contains(t, provided(func(in *submission.Input) {
		in.Runtime.YARNClassPath, in.Runtime.MapReduceClassPath = []string{"/y/*", "/z"}, []string{"/m"}
	}), "__spark_libs__/*<CPS>/y/*<CPS>/z<CPS>/m<CPS>{{PWD}}")
	site := func(value string) map[string][]byte {
		return map[string][]byte{"yarn-site.xml": []byte("<configuration><property><name>yarn.application.classpath</name><value>" + value + "</value></property></configuration>")}
	}
	require.Contains(t, provided(func(in *submission.Input) { in.HadoopConf = site(" /a/*,\n /b ") }), "__spark_libs__/*<CPS>/a/*<CPS>/b<CPS>$HADOOP_MAPRED_HOME")
	require.NotContains(t, provided(func(in *submission.Input) {
		in.HadoopConf = map[string][]byte{"core-site.xml": []byte(coreSite)}
		in.Conf = map[string]string{"spark.yarn.populateHadoopClasspath": "false"}
	}), "HADOOP")
	require.Contains(t, problems(t, pythonJob(func(in *submission.Input) {
		in.Runtime.HadoopProvided = true
		in.HadoopConf = site("${hadoop.home}/x")
	})), "runtime.yarnClassPath: yarn.application.classpath of the Hadoop configuration refers to other properties")
}

func TestContextOfAnotherArchive(t *testing.T) {
	t.Parallel()
	plan, err := submission.Prepare(pythonJob(nil))
	require.NoError(t, err)
	size := int64(len(plan.Archive))
	for code, uploaded := range map[job.Code]submission.Uploaded{
		job.CodeConflict: {URL: plan.ArchiveURL, Size: size - 1, Modified: 1},
		job.CodeInvalid:  {URL: plan.ArchiveURL + "x", Size: size, Modified: 1},
	} {
		_, err = plan.Context(uploaded)
		require.Equal(t, code, job.CodeOf(err))
	}
	_, err = plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: size})
	require.Equal(t, job.CodeInvalid, job.CodeOf(err))
	first, err := plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: size, Modified: 1})
	require.NoError(t, err)
	second, err := plan.Context(submission.Uploaded{URL: plan.ArchiveURL, Size: size, Modified: 2})
	require.NoError(t, err)
	require.EqualValues(t, 1, first.Container.LocalResources["__spark_conf__"].Timestamp)
	require.EqualValues(t, 2, second.Container.LocalResources["__spark_conf__"].Timestamp)
}

func TestParseEnv(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		"export PYSPARK_PYTHON=/opt/python3\n":                           {"PYSPARK_PYTHON": "/opt/python3"},
		"  PYSPARK_DRIVER_PYTHON=\"/opt/my python\" # why\r\nA='$x' ;\n": {"PYSPARK_DRIVER_PYTHON": "/opt/my python", "A": "$x"},
		"A=a'b c'\"d\"e\nB=\nC=x#y\n":                                    {"A": "ab cde", "B": "", "C": "x#y"},
		"A=1\nexport A\n#B=2\n\n:\n":                                     {"A": "1"},
	} {
		env, warnings := submission.ParseEnv([]byte(text))
		require.Equal(t, want, env, text)
		require.Empty(t, warnings, text)
	}
	for text, warned := range map[string]int{
		"A=$HOME/x\n": 1, "A=`id`\n": 1, "A=$(id)\n": 1, "A=~/x\n": 1, "A=*.jar\n": 1, "A=x y\n": 1, "A=\"$B\"\n": 1, "A=a\\ b\n": 1, "A='open\n": 1,
		"A=1; B=2\n": 1, "A=1 && B=2\n": 1, "A=1\nA=${A}2\n": 1, "A=1\nunset A\n": 1, "A=1\n[ -z \"$X\" ] && export A=2\n": 1, "A=1\nA+=2\n": 1,
		"if [ x ]; then\nA=1\nelse\nA=2\nfi\n": 4, "A=0\nif [ x ]; then\n  if y; then\n  A=1\n  fi\n  B=1\nfi\n": 4, "case $x in\na) A=1;;\nesac\n": 2,
		"f() {\nA=1\n}\n": 2, "cat <<EOF\nA=1\nEOF\n": 1, "A=1 \\\n  B=2\n": 1, ". /etc/other\n": 1, "for x in a; do A=1; done\n": 1, "(\nA=1\n)\n": 2,
		"declare -x A=1\n": 1, "(A=1)\n": 1,
	} {
		env, warnings := submission.ParseEnv([]byte(text))
		require.Empty(t, env, text)
		require.Len(t, warnings, warned, "%q: %v", text, warnings)
	}
	env, warnings := submission.ParseEnv([]byte("A=1\nif true; then B=2; fi\nC=3\ncat <<X\nD=4\nX\nE=5\n" + strings.Repeat("x ", 1000) + "\n"))
	require.Equal(t, map[string]string{"A": "1", "C": "3", "E": "5"}, env)
	require.Len(t, warnings, 3)
	require.Equal(t, "line 2 is no plain assignment and is not run", warnings[0])
}

func FuzzConfiguration(f *testing.F) {
	for _, seed := range []string{"spark.a=b\\\n c", "export A='x' # y", "if x\nA=1\nfi", "<configuration><property><name>a</name><value>b</value></property></configuration>", "\\u12", "\r\n\\\r"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		conf, err := properties.Defaults(data)
		if err != nil {
			conf = nil
		}
		submission.ParseEnv(data)
		plan, err := submission.Prepare(pythonJob(func(in *submission.Input) {
			in.Conf = conf
			in.HadoopConf["core-site.xml"] = data
			in.SparkConf = map[string][]byte{"hive-site.xml": data}
		}))
		require.Contains(t, []job.Code{"", job.CodeInvalid}, job.CodeOf(err))
		if err == nil {
			again, err := submission.Prepare(pythonJob(func(in *submission.Input) {
				in.Conf = conf
				in.HadoopConf["core-site.xml"] = data
				in.SparkConf = map[string][]byte{"hive-site.xml": data}
			}))
			require.NoError(t, err)
			require.Equal(t, plan, again)
		}
	})
}
