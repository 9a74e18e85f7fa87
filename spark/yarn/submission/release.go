package submission

import (
	"maps"
	"slices"
	"strings"
)

// release is what a minor version of Spark does in its own way. A new version is a
// new row, after a look at Spark's Client.scala and JavaModuleOptions.java and a run
// of the differential test.
type release struct {
	// moduleOptions of the JVM, by the major version of the Java that runs it.
	moduleOptions map[int]string
}

var releases = map[string]release{
	"3.5": {moduleOptions: map[int]string{8: moduleOptions35, 11: moduleOptions35, 17: moduleOptions35}},
}

// moduleOptions35 are for every Java: the first option makes Java 8 overlook the rest.
var moduleOptions35 = strings.Join([]string{
	"-XX:+IgnoreUnrecognizedVMOptions",
	"--add-opens=java.base/java.lang=ALL-UNNAMED",
	"--add-opens=java.base/java.lang.invoke=ALL-UNNAMED",
	"--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
	"--add-opens=java.base/java.io=ALL-UNNAMED",
	"--add-opens=java.base/java.net=ALL-UNNAMED",
	"--add-opens=java.base/java.nio=ALL-UNNAMED",
	"--add-opens=java.base/java.util=ALL-UNNAMED",
	"--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
	"--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
	"--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
	"--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
	"--add-opens=java.base/sun.nio.cs=ALL-UNNAMED",
	"--add-opens=java.base/sun.security.action=ALL-UNNAMED",
	"--add-opens=java.base/sun.util.calendar=ALL-UNNAMED",
	"--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
	"-Djdk.reflect.useDirectMethodHandle=false",
}, " ")

// Javas lists the versions of Java that a minor version of Spark runs on.
func Javas(spark string) []int { return slices.Sorted(maps.Keys(releases[spark].moduleOptions)) }

// minor of a version: "3.5" of "3.5.9" and of "3.5.2-amzn-1".
func minor(version string) string {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	return first + "." + second
}

// moduleOptions of the runtime; a problem if the table has no row for it.
func (b *builder) moduleOptions() string {
	r, ok := releases[minor(b.in.Runtime.Spark)]
	if !ok {
		b.problemf("runtime.spark: %s is not supported; versions are %s", show(b.in.Runtime.Spark), strings.Join(slices.Sorted(maps.Keys(releases)), ", "))
		return ""
	}
	options, ok := r.moduleOptions[b.in.Runtime.Java]
	if !ok {
		b.problemf("runtime.java: Spark %s does not run on Java %d; versions are %v",
			b.in.Runtime.Spark, b.in.Runtime.Java, slices.Sorted(maps.Keys(r.moduleOptions)))
	}
	return options
}
