package yarn

import (
	"regexp"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// masterExit is how YARN begins to tell of an application whose master ended without a
// word to the ResourceManager; a program's own words come after it.
//
// Source: RMAppImpl.getAppAttemptFailedDiagnostics and
// RMAppAttemptImpl.getAMContainerCrashedDiagnostics of Hadoop 3.
var masterExit = regexp.MustCompile(`^Application application_\S+ failed [^\n]{0,200}?due to AM Container for appattempt_\S+ exited with\s+exitCode: (-?[0-9]+)\b`)

// exitNoContext is the exit code of an application master that ends before its program has
// made a SparkContext, for whatever reason: it registers with the ResourceManager only then.
//
// Source: org.apache.spark.deploy.yarn.ApplicationMaster.finish, EXIT_SC_NOT_INITED of
// Spark 3.5.
const exitNoContext = "13"

// noContextWhy is what Spark logs first of why there was no SparkContext: that the program
// exited or threw something, that it ended, or for how long, in ms, it was waited for.
var noContextWhy = regexp.MustCompile(`(User application exited with status|User class threw exception)` +
	`|(User did not initialize spark context)` +
	`|(?:TimeoutException: Futures timed out after \[|did not initialize after waiting for )([0-9]{1,15}) ?m`)

// needContext is what to do about it.
const needContext = "YARN needs one within spark.yarn.am.waitTime (100s unless set): make it first, with SparkSession.builder.getOrCreate()"

// noContext tells a failure for want of a SparkContext from all others, and says so.
//
// That the application has failed is the ResourceManager's word, and whether the job's own
// code began its marker's; the exit code, which YARN tells only as text, chooses whose
// failure it is. What else stands in the diagnostics chooses words alone.
func noContext(o *job.Observation, app rm.Application) bool {
	exit := masterExit.FindStringSubmatch(app.Diagnostics)
	if app.State != rm.StateFailed || o.State != job.StateFailed || o.Began == job.BeganNo || exit == nil || exit[1] != exitNoContext {
		return false
	}
	words, advice := "the program ended, or did something else for too long, before it made a SparkContext", "; "+needContext
	why := noContextWhy.FindStringSubmatch(app.Diagnostics)
	switch {
	case o.Driver.Returned():
		words = "the function returned without having made a SparkContext"
	case why == nil:
	case why[1] != "": // it is the program that is to be mended
		words, advice = "the program failed before it made a SparkContext, see its log", ""
	case why[2] != "":
		words = "the program ended without having made a SparkContext"
	default:
		words = "the program made no SparkContext"
		if waited, err := time.ParseDuration(why[3] + "ms"); err == nil {
			words += " within " + waited.String()
		}
	}
	o.NoContext = true
	o.Raw = job.Head(words+advice+". YARN says: ", job.MaxRaw)
	o.Raw += rawWordsIn(app, job.MaxRaw-len(o.Raw))
	return true
}

var (
	// chatter are lines of logs that tell of no trouble, in the layouts of Spark and of
	// Hadoop's vendors.
	chatter = regexp.MustCompile(`^\[?[0-9]{2,4}[-/][0-9]{2}[-/][0-9]{2}[ T]\S+ (?:\[[^\]]*\] )?(?:INFO|DEBUG|TRACE)\b`)
	// frame is a line of a Java stack trace that is neither an exception nor its cause.
	frame = regexp.MustCompile(`^\s+(?:at |\.\.\. [0-9]+ more)`)
	// footer is where YARN goes on to say where more can be read.
	footer = regexp.MustCompile(`(?s)\n?For more detailed output, check the application tracking page:.*$`)
)

// telling is the part of YARN's diagnostics that says most, in at most this many bytes: how
// they begin, which is YARN's own sentence, and what stands last of the rest without the
// lines that tell of no trouble. That is the end of stderr, of which YARN adds 4 KiB.
func telling(diagnostics string, most int) string {
	if len(diagnostics) <= most {
		return diagnostics
	}
	first, rest, _ := strings.Cut(footer.ReplaceAllString(diagnostics, ""), "\n")
	first = job.Head(first, most/2)
	var lines []string
	for line := range strings.Lines(rest) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !chatter.MatchString(line) && !frame.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return job.Head(first+"\n"+job.Tail(strings.Join(lines, "\n"), most-len(first)-1), most)
}
