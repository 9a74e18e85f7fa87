package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
)

func submitCommand() *cobra.Command {
	u := &user{}
	var (
		s    submission
		key  string
		wait bool
	)
	cmd := &cobra.Command{
		Use: "submit [options] FILE [arguments]", DisableFlagsInUseLine: true, Short: "Submit a program, as spark-submit does",
		Long: "Submits FILE, a .py file or a .jar, with the options of spark-submit. Options stand before FILE; what\n" +
			"stands behind it is the program's. Files without a scheme are local ones and are uploaded, unless the\n" +
			"server has them already; those with one (hdfs:, s3a:, local:, file:, artifact:) are left where they are.\n" +
			"What is wrong with the job on any cluster is said before anything is sent.\n\n" +
			"An option counts before --conf of the key that it stands for. --master and --deploy-mode choose\n" +
			"nothing: they must be what the cluster has. --version prints Stoker's own.\n\n" +
			"Prints the job's id. With --wait it goes on until the job has ended; the exit status is then 0 only\n" +
			"if the job succeeded. Ctrl-C ends the waiting, not the job.",
		Example: "  stoker submit --wait job.py 2026-01-31\n" +
			"  stoker submit --py-files lib.zip --files model.bin#model --executor-memory 4g --num-executors 8 job.py\n" +
			"  stoker submit --class com.example.Report --cluster lake hdfs:///apps/report.jar --day monday",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.refused.problem(); err != nil {
				return err
			}
			file, arguments, err := program(cmd, args)
			if err != nil {
				return err
			}
			spec, err := s.spec(cmd, file, arguments)
			if err != nil {
				return err
			}
			files, names, err := findLocal(&spec)
			if err != nil {
				return err
			}
			// What is wrong anywhere is said before anything is read or sent.
			if err := jobspec.Check(spec); err != nil {
				return names.inWords(err)
			}
			c, err := u.client(cmd)
			if err != nil {
				return err
			}
			outgoing, err := digests(cmd.Context(), files)
			if err != nil {
				return err
			}
			if err := s.compare(cmd.Context(), c); err != nil {
				return err
			}
			if s.verbose {
				if err := printSpec(cmd, spec); err != nil {
					return err
				}
			}
			if err := upload(cmd, c, outgoing, spec.Cluster); err != nil {
				return names.inWords(err)
			}
			if key == "" {
				key = client.NewKey()
			}
			started, created, err := c.Submit(cmd.Context(), spec, key)
			if err != nil {
				return unsettled(names.inWords(err), key)
			}
			if !created {
				cmd.PrintErrf("this was submitted before, as job %s\n", plainLine(started.ID))
			}
			return u.started(cmd, c, started, wait)
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	s.flags(cmd)
	f.StringVar(&key, "idempotency-key", "", "submissions with the same key are one job (default: a new key)")
	f.BoolVarP(&wait, "wait", "w", false, "wait until the job has ended")
	f.SortFlags = false
	u.command(cmd)
	withVersion(cmd)
	registerCompletion(cmd, "cluster", completeClusters())
	registerCompletion(cmd, "profile", completeProfiles())
	return cmd
}

// printSpec shows what is submitted, for -v.
func printSpec(cmd *cobra.Command, spec jobspec.Spec) error {
	encoder := json.NewEncoder(cmd.ErrOrStderr())
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(spec)
}

// unsettled says how to find out whether a submission was carried out.
func unsettled(err error, key string) error {
	if errors.Is(err, client.ErrUncertain) {
		return fmt.Errorf("%w; the same command with --idempotency-key %s finds out, and starts no second job", err, key)
	}
	return err
}

// program splits the words of the command line into FILE and its arguments. One "--"
// on either side of FILE is nobody's.
func program(cmd *cobra.Command, words []string) (file string, arguments []string, err error) {
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 || words[0] == "" {
		return "", nil, errors.New("there is no program: name a .py file or a .jar behind the options")
	}
	file, arguments = words[0], words[1:]
	if len(arguments) > 0 && arguments[0] == "--" {
		return file, arguments[1:], nil
	}
	for _, word := range arguments {
		if word == "--wait" || word == "-w" {
			cmd.PrintErrf("note: %s stands behind %s, so the program gets it; stoker's options go before the program\n", word, file)
		}
	}
	return file, arguments, nil
}

// started prints a job that was just started and, if that is asked for, how it goes on.
func (u *user) started(cmd *cobra.Command, c *client.Client, started client.Job, wait bool) error {
	if !wait {
		if u.output.json() {
			return printJSON(cmd, started)
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), plainLine(started.ID))
		return err
	}
	if !u.output.json() {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), plainLine(started.ID)); err != nil {
			return err
		}
	}
	ended, err := newWaiting(cmd, c, started).run(cmd.Context())
	if err != nil {
		return err
	}
	if u.output.json() {
		if err := printJSON(cmd, ended); err != nil {
			return err
		}
	}
	if ended.Outcome.Result != job.ResultSucceeded {
		if !u.output.json() {
			sayFailure(cmd, c, ended)
		}
		return endedOtherwise(ended)
	}
	return nil
}

// endedOtherwise is the error of a job that ended as nobody wanted.
func endedOtherwise(j client.Job) error {
	return sayingf("job %s: %s: %s", j.ID, outcomeWord(j.Outcome), j.Outcome.Message)
}

// submission is the options of a submission.
type submission struct {
	jobspec.Spec
	pyFiles, jars, files, archives string
	conf, secretConf, labels       keyValues
	retries                        int
	rerunAfterStart                bool
	totalCores                     int
	master, deployMode             string
	verbose                        bool
	refused                        refusals
}

// flags defines spark-submit's own options, then Stoker's.
//
// Source of the former: Spark 3.5, SparkSubmitOptionParser and SparkSubmitArguments.
func (s *submission) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.ClassName, "class", "", "main class of a .jar")
	f.StringVar(&s.Name, "name", "", "name of the job and of its application (default: the main class, else the program's file name)")
	f.VarP(&s.conf, "conf", "c", "spark.* key and its value; may repeat")
	f.StringVar(&s.pyFiles, "py-files", "", ".py, .zip and .egg files to import from, separated by commas; on YARN, FILE#NAME renames")
	f.StringVar(&s.files, "files", "", "files for the working directories, separated by commas; FILE#NAME renames")
	f.StringVar(&s.jars, "jars", "", "jars for the class path, separated by commas")
	f.StringVar(&s.archives, "archives", "", "archives to unpack in the working directories, separated by commas; FILE#NAME renames")
	r := &s.Resources
	f.StringVar(&r.DriverMemory, "driver-memory", "", "memory of the driver, such as 4g")
	f.StringVar(&r.DriverMemoryOverhead, "driver-memory-overhead", "", "memory of the driver beside its heap")
	f.IntVar(&r.DriverCores, "driver-cores", 0, "cores of the driver")
	f.StringVar(&r.ExecutorMemory, "executor-memory", "", "memory of each executor, such as 4g")
	f.StringVar(&r.ExecutorMemoryOverhead, "executor-memory-overhead", "", "memory of each executor beside its heap")
	f.IntVar(&r.ExecutorCores, "executor-cores", 0, "cores of each executor")
	f.IntVar(&r.NumExecutors, "num-executors", 0, "how many executors; the first number of them under dynamic allocation")
	f.StringVar(&s.Queue, "queue", "", "queue of the cluster")
	f.IntVar(&s.totalCores, "total-executor-cores", 0, "cores of all executors, where the cluster manager counts them")
	f.StringVar(&s.master, "master", "", "master that the cluster must have; it chooses none")
	f.StringVar(&s.deployMode, "deploy-mode", "", "deploy mode that the cluster must have")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "show on stderr what is submitted")

	f.StringVar(&s.Cluster, "cluster", "", "cluster to run on (default: the server's)")
	f.StringVar(&s.Profile, "profile", "", "profile of the cluster to start from")
	f.Var(&s.labels, "label", "label to find the job by, key=value; may repeat")
	f.Var(&s.secretConf, "secret-conf", "spark.* key and the name of the secret that is its value, key=secret; may repeat")
	f.StringVar(&s.Timeouts.Deadline, "deadline", "", "how long the whole job may take, queueing included: 90s, 15m, 2h, 7d")
	f.StringVar(&s.Timeouts.Run, "run-limit", "", "how long the application may run, written as --deadline")
	f.IntVar(&s.retries, "retries", 0, "further attempts after failures of the infrastructure (default: the server's)")
	f.BoolVar(&s.rerunAfterStart, "rerun-after-start", false, "allow them although the program may have begun")
	s.refused.flags(cmd)
}

// optionKeys are the conf keys that options of spark-submit stand for.
var optionKeys = []struct{ option, key string }{
	{"name", "spark.app.name"},
	{"queue", "spark.yarn.queue"},
	{"driver-memory", "spark.driver.memory"},
	{"driver-memory-overhead", "spark.driver.memoryOverhead"},
	{"driver-cores", "spark.driver.cores"},
	{"executor-memory", "spark.executor.memory"},
	{"executor-memory-overhead", "spark.executor.memoryOverhead"},
	{"executor-cores", "spark.executor.cores"},
	{"num-executors", "spark.executor.instances"},
	{"total-executor-cores", keyTotalCores},
	{"master", "spark.master"},
}

// keyTotalCores has no field in a Spec.
const keyTotalCores = "spark.cores.max"

// settle drops the keys of --conf that an option was given for, too: the option counts,
// as with spark-submit.
func (s *submission) settle(cmd *cobra.Command) {
	for _, o := range optionKeys {
		value, both := s.conf[o.key]
		f := cmd.Flags().Lookup(o.option)
		if !both || !f.Changed {
			continue
		}
		delete(s.conf, o.key)
		if value != f.Value.String() {
			cmd.PrintErrf("note: --%s takes the place of --conf %s, as with spark-submit\n", o.option, o.key)
		}
	}
}

// spec is what the options ask for, with files as they were named.
func (s *submission) spec(cmd *cobra.Command, file string, arguments []string) (jobspec.Spec, error) {
	s.settle(cmd)
	if cmd.Flags().Changed("total-executor-cores") {
		_ = s.conf.Set(keyTotalCores + "=" + strconv.Itoa(s.totalCores)) // it is key=value
	}
	spec := s.Spec
	spec.File, spec.Args = file, arguments
	spec.Timeouts.Deadline, spec.Timeouts.Run = inHours(spec.Timeouts.Deadline), inHours(spec.Timeouts.Run)
	spec.Conf, spec.SecretConf, spec.Labels = s.conf, s.secretConf, s.labels
	spec.PyFiles, spec.Jars, spec.Files, spec.Archives = commaList(s.pyFiles), commaList(s.jars), commaList(s.files), commaList(s.archives)
	if changed := cmd.Flags().Changed; changed("retries") || changed("rerun-after-start") {
		spec.Retry = &jobspec.Retry{}
		if changed("rerun-after-start") {
			spec.Retry.RerunAfterStart = &s.rerunAfterStart
		}
		if changed("retries") {
			spec.Retry.InfrastructureRetries = &s.retries
		}
	}
	var problems []string
	for _, name := range []string{"driver-cores", "executor-cores", "num-executors", "total-executor-cores", "retries"} {
		if f := cmd.Flags().Lookup(name); f.Changed && (strings.HasPrefix(f.Value.String(), "-") || f.Value.String() == "0" && name != "retries") {
			problems = append(problems, fmt.Sprintf("--%s must be positive, got %s", name, f.Value))
		}
	}
	if len(problems) > 0 {
		return spec, job.Invalid("the job cannot be submitted", problems)
	}
	return spec, nil
}

// commaList splits as Spark does: white space around names and empty ones are dropped.
func commaList(text string) []string {
	var list []string
	for _, one := range strings.Split(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, one)
		}
	}
	return list
}
