package spark

import (
	"path/filepath"
	"regexp"
)

// coreJar is the jar that has Spark's version in its name, behind Scala's. Vendors add
// theirs: 3.5.1-amzn-0, 3.3.2.3.3.7190.0-91.
var coreJar = regexp.MustCompile(`^spark-core_[0-9.]+-([0-9]+\.[0-9][0-9A-Za-z.+_-]*)\.jar$`)

// notTheCode are jars of a version that hold something else.
var notTheCode = regexp.MustCompile(`-(?:tests|test-sources|sources|javadoc)$`)

// CoreVersion is the version of the Spark that a jar of this name belongs to, such as
// "3.5.9"; "" if it is not the jar of Spark's core.
func CoreVersion(jar string) string {
	m := coreJar.FindStringSubmatch(jar)
	if m == nil || notTheCode.MatchString(m[1]) {
		return ""
	}
	return m[1]
}

// VersionAt is the version of the Spark whose home a directory is, "" if its jars don't
// tell.
func VersionAt(home string) string {
	jars, err := filepath.Glob(filepath.Join(home, "jars", "spark-core_*.jar"))
	if err != nil {
		return "" // the home has characters of a pattern
	}
	for _, jar := range jars {
		if version := CoreVersion(filepath.Base(jar)); version != "" {
			return version
		}
	}
	return ""
}
