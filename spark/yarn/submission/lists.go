package submission

import "maps"

// Lists are files as spark-submit's options --py-files, --files, --jars and
// --archives name them: URLs, with an alias after '#'.
type Lists struct {
	PyFiles, Files, Jars, Archives []string
}

// TakeLists merges the files that options name with those that a configuration
// names, as spark-submit does, and returns the configuration without its keys for
// files. An option replaces spark.jars, spark.files, spark.archives or
// spark.submit.pyFiles; what spark.yarn.dist.* lists comes in front of either. The
// caller looks up each file and passes it to Prepare as a Resource, in this order;
// a pattern stands for all files that match it.
func TakeLists(conf map[string]string, options Lists) (Lists, map[string]string) {
	rest := maps.Clone(conf)
	take := func(option []string, key, distKey string) []string {
		dist, other := splitList(conf[distKey]), splitList(conf[key])
		delete(rest, key)
		delete(rest, distKey)
		if len(option) > 0 {
			other = option
		}
		return append(dist, other...)
	}
	return Lists{
		PyFiles:  take(options.PyFiles, "spark.submit.pyFiles", "spark.yarn.dist.pyFiles"),
		Files:    take(options.Files, "spark.files", "spark.yarn.dist.files"),
		Jars:     take(options.Jars, "spark.jars", "spark.yarn.dist.jars"),
		Archives: take(options.Archives, "spark.archives", "spark.yarn.dist.archives"),
	}, rest
}

// TakeSpark takes out of a configuration where Spark itself lies: spark.yarn.archive,
// else spark.yarn.jars, comma-separated URLs with patterns. The caller looks them up and
// passes them to Prepare as the Runtime.
func TakeSpark(conf map[string]string) (archive, jars string, rest map[string]string) {
	rest = maps.Clone(conf)
	archive, jars = conf["spark.yarn.archive"], conf["spark.yarn.jars"]
	if jars == "" {
		jars = conf["spark.yarn.jar"] // its older name
	}
	if archive != "" {
		jars = ""
	}
	for _, key := range []string{"spark.yarn.archive", "spark.yarn.jars", "spark.yarn.jar"} {
		delete(rest, key)
	}
	return archive, jars, rest
}

// Refused says why a key of spark-defaults.conf cannot be applied to an application
// that is sent without a JVM. Keys that TakeLists and TakeSpark take can be.
func Refused(key string) (why string, refused bool) {
	why, refused = refusal(key)
	switch {
	case why == whyListed, why == whyRuntime:
		return "", false
	case refused:
		return why, true
	}
	switch key {
	case "spark.kerberos.keytab", "spark.yarn.keytab", "spark.kerberos.principal", "spark.yarn.principal":
		return "no keytab is sent along with applications", true
	}
	return "", false
}
