package submission

import (
	"math"
	"strings"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

const (
	classMaster = "org.apache.spark.deploy.yarn.ApplicationMaster"
	classPython = "org.apache.spark.deploy.PythonRunner"
)

// Spark's defaults, in MiB.
const (
	defaultMemory      = 1024
	minMemoryOverhead  = 384
	defaultMemoryShare = 0.10
)

// container fills the request's description of the application master's container.
func (b *builder) container() {
	b.mergeHadoop()
	c := &b.request.Container
	c.LocalResources = b.places.resources
	memory := b.resources()
	c.Commands = b.command(memory)
	c.Environment = b.environment()
	if n := lengthInBash(strings.Join(c.Commands, " ")); n > maxWord {
		b.problemf("program.args: the application master's command has about %d bytes, and NodeManagers can run none of more than %d; put what is long into a file and name that in files",
			n, maxWord)
	}
	if !rm.ValidText(strings.Join(c.Commands, " ")) {
		b.problemf("spark.driver.*JavaOptions, spark.driver.extraLibraryPath: have characters that a request cannot carry")
	}
}

// resources computes memory and cores, compares them with the cluster's limits, and
// returns the master's heap in MiB.
func (b *builder) resources() int64 {
	s := b.conf
	b.refuseZero("spark.driver.memory")
	b.refuseZero("spark.executor.memory")
	driver := s.mebibytes("spark.driver.memory", defaultMemory)
	driverOverhead := b.overhead("driver", driver)
	driverCores := s.integer("spark.driver.cores", 1, 1)
	b.request.Resource = rm.Resource{MemoryMB: driver + driverOverhead, VCores: int64(driverCores)}
	b.limit("spark.driver.memory", "MiB with its overhead (spark.driver.memoryOverhead)", driver+driverOverhead, b.in.Limits.MemoryMB)
	b.limit("spark.driver.cores", "cores", int64(driverCores), b.in.Limits.VCores)

	executor := s.mebibytes("spark.executor.memory", defaultMemory)
	total := executor + b.overhead("executor", executor) + b.offHeap()
	if s.boolean("spark.yarn.isPython", false) {
		total += s.mebibytes("spark.executor.pyspark.memory", 0)
	}
	executorCores := s.integer("spark.executor.cores", 1, 1)
	b.limit("spark.executor.memory", "MiB with its overhead (spark.executor.memoryOverhead, spark.executor.pyspark.memory, spark.memory.offHeap.size)",
		total, b.in.Limits.MemoryMB)
	b.limit("spark.executor.cores", "cores", int64(executorCores), b.in.Limits.VCores)
	b.customResources()
	if !s.boolean("spark.dynamicAllocation.enabled", false) {
		s.integer("spark.executor.instances", 1, 2)
	}
	return driver
}

// refuseZero refuses less than what Spark counts in.
func (b *builder) refuseZero(key string) {
	if v, ok := b.conf.get(key); ok {
		if n, err := ParseSize(v, Mebibyte); err == nil && n < Mebibyte {
			b.problemf("%s: %s is less than 1m", key, show(v))
		}
	}
}

// overhead of a "driver" or "executor", in MiB.
func (b *builder) overhead(who string, memory int64) int64 {
	share := b.conf.factor("spark."+who+".memoryOverheadFactor", defaultMemoryShare)
	otherwise := max(int64(math.Trunc(share*float64(memory))), minMemoryOverhead)
	return b.conf.mebibytes("spark."+who+".memoryOverhead", otherwise)
}

func (b *builder) offHeap() int64 {
	if !b.conf.boolean("spark.memory.offHeap.enabled", false) {
		return 0
	}
	size := b.conf.size("spark.memory.offHeap.size", 1, 0) / Mebibyte
	if size == 0 {
		b.problemf("spark.memory.offHeap.size: must be at least 1m where spark.memory.offHeap.enabled is true")
	}
	return size
}

func (b *builder) limit(key, unit string, asked, limit int64) {
	if limit > 0 && asked > limit {
		b.problemf("%s: %d %s is above the cluster's limit of %d for one container", key, asked, unit, limit)
	}
}

// command of the application master, in words.
func (b *builder) command(memory int64) []string {
	words := []string{"{{JAVA_HOME}}/bin/java", "-server"}
	if libraries, ok := b.conf.get("spark.driver.extraLibraryPath"); ok {
		quoted := strings.ReplaceAll(libraries, `"`, `\\\"`)
		words = append([]string{b.clusterPath(`LD_LIBRARY_PATH=\"` + quoted + `:$LD_LIBRARY_PATH\"`)}, words...)
	}
	words = append(words,
		"-Djava.net.preferIPv6Addresses="+b.preferIPv6(), b.moduleOptions(),
		"-Xmx"+itoa(int(memory))+"m", "-Djava.io.tmpdir="+workDir+"/tmp")
	for _, option := range splitCommand(b.conf.javaOptions("driver")) {
		words = append(words, sparkQuoted(strings.ReplaceAll(option, "{{APP_ID}}", b.in.ID)))
	}
	words = append(words, "-Dspark.yarn.app.container.log.dir="+logDir, classMaster)
	b.checkExecutorOptions()

	p := b.in.Program
	l, err := parseLocation(p.URL)
	switch {
	case b.python:
		words = append(words, "--class", argument(classPython), "--primary-py-file", word(l.base()))
	default:
		words = append(words, "--class", argument(p.Class))
		if err == nil {
			words = append(words, "--jar", word(l.String()))
		}
	}
	for _, arg := range p.Args {
		words = append(words, "--arg", argument(arg))
	}
	return append(words,
		"--properties-file", workDir+"/"+linkConf+"/"+fileConf,
		"--dist-cache-conf", workDir+"/"+linkConf+"/"+fileCache,
		"1>", logDir+"/stdout", "2>", logDir+"/stderr")
}

// checkExecutorOptions refuses what the driver would refuse, minutes later.
func (b *builder) checkExecutorOptions() {
	for _, key := range []string{"spark.executor.defaultJavaOptions", "spark.executor.extraJavaOptions"} {
		options := b.conf.values[key]
		if strings.Contains(options, "-Dspark") {
			b.problemf("%s: Spark's own settings (-Dspark…) are not set with Java options", key)
		}
		if strings.Contains(options, "-Xmx") {
			b.problemf("%s: the heap (-Xmx) is set with spark.executor.memory", key)
		}
	}
}
