package submission

import (
	"maps"
	"slices"
	"strings"
)

// hidden stands for a secret wherever the configuration is computed with: the value
// itself is only written into the archive, so no message can hold a part of it.
const hidden = "(a secret)"

// acceptSecrets takes over the keys of secrets.
func (b *builder) acceptSecrets() {
	for _, key := range slices.Sorted(maps.Keys(b.in.Secrets)) {
		value := b.in.Secrets[key]
		if strings.ContainsRune(value, 0) || strings.ToValidUTF8(value, "") != value {
			b.problemf("%s: its value is no text", key)
			continue
		}
		b.accept(key, hidden)
	}
}

// secrets refuses secret values of keys that others can read: those that went into
// the request, and those that Spark gives executors on their command line.
func (b *builder) secrets() {
	for _, key := range slices.Sorted(maps.Keys(b.in.Secrets)) {
		switch {
		case b.conf.read[key]:
			b.problemf("%s: a secret cannot be used here, it would be shown in the request and on the nodes", key)
		case strings.HasPrefix(key, "spark.executorEnv."), onExecutorCommandLine(key):
			b.problemf("%s: a secret cannot be used here, Spark would show it on the executors' nodes", key)
		}
	}
}

// onExecutorCommandLine is SparkConf.isExecutorStartupConf.
func onExecutorCommandLine(key string) bool {
	for _, prefix := range []string{"spark.auth", "spark.ssl", "spark.rpc", "spark.network", "spark.port."} {
		if strings.HasPrefix(key, prefix) {
			return key != "spark.authenticate.secret"
		}
	}
	if strings.HasPrefix(key, "spark.executor.") {
		for _, suffix := range []string{"JavaOptions", "extraLibraryPath", "extraClassPath"} {
			if strings.HasSuffix(key, suffix) {
				return true
			}
		}
	}
	return strings.HasSuffix(key, ".port")
}

// revealed is the configuration with the secrets in their places, for the archive.
func (b *builder) revealed() (conf, hadoop map[string]string) {
	conf, hadoop = maps.Clone(b.conf.values), maps.Clone(b.hadoop)
	for key, value := range b.in.Secrets {
		if conf[key] != hidden {
			continue // it was dropped
		}
		conf[key] = value
		for _, overlay := range hadoopOverlays {
			if name, ok := strings.CutPrefix(key, overlay.prefix); ok && name != "" {
				hadoop[overlay.instead+name] = value
			}
		}
	}
	return conf, hadoop
}
