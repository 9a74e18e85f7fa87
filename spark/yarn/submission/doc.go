// Package submission computes what Spark's YARN client sends for an application in
// cluster mode: the archive of configuration files and the request to the
// ResourceManager. It reads and writes nothing itself: files lie in the cluster's
// store already, described by URL, size and modification time.
//
//	plan, err := submission.Prepare(input)      // checks everything, computes everything
//	// write plan.Archive to plan.ArchiveURL, then ask the store for its size and time
//	context, err := plan.Context(uploaded)
//	err = resourceManager.Submit(ctx, context)
//
// # Contract
//
// Source: org.apache.spark.deploy.yarn.Client and org.apache.spark.deploy.SparkSubmit
// of Spark 3.5. The application master finds in its working directory, by link name:
//
//	__spark_conf__    archive, see below; also given to executors
//	__spark_libs__    Spark's jars: an archive, or a directory of single jars
//	__app__.jar       the program of a JAR job, unless it is local:
//	<name>.py         the program of a Python job; not given to executors
//	__pyfiles__/      single Python modules
//	<name>, <alias>   everything else
//
// and in the archive:
//
//	log4j2.*, metrics.properties        as given
//	__hadoop_conf__/                    Hadoop client configuration, hive-site.xml
//	__spark_hadoop_conf__.xml           the same merged with spark.hadoop.*, read last
//	__spark_conf__.properties           the Spark configuration, java.util.Properties, UTF-8
//	__spark_dist_cache__.properties     what executors need localised, as parallel lists
//
// The Spark configuration goes into the archive only: a secret in it reaches neither
// the request nor a command line nor an environment.
//
// # Where it differs from Spark
//
// Requests that Spark would send although they cannot work, or would do something
// else than asked, are refused: Prepare collects all such problems. Arguments reach
// the program unchanged, also those that Spark's quoting damages.
package submission
