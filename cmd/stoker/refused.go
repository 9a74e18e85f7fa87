package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/job"
)

// refusedOptions are options of spark-submit that are not Stoker's to take, and what to
// use instead.
var refusedOptions = []struct {
	name    string
	switchy bool
	instead string
}{
	{"remote", false, "Spark Connect is not supported; submit the program itself"},
	{"keytab", false, "the worker has its own; nobody's keys are sent"},
	{"principal", false, "the worker has its own; nobody's keys are sent"},
	{"proxy-user", false, "jobs run as the user that the cluster's configuration says; who you are is said by your token"},
	{"properties-file", false, "give its lines with --conf, or ask the operator for a profile and use --profile"},
	{"packages", false, "download the jars and give them with --jars, so that every run has the same"},
	{"exclude-packages", false, "give exactly the jars that are needed with --jars"},
	{"repositories", false, "download the jars and give them with --jars, so that every run has the same"},
	{"driver-java-options", false, "what loads code into Spark's own processes is the operator's; ask for a profile and use --profile"},
	{"driver-class-path", false, "give the jars with --jars, or ask the operator for a profile and use --profile"},
	{"driver-library-path", false, "what loads code into Spark's own processes is the operator's; ask for a profile and use --profile"},
	{"supervise", true, "every job is watched; --retries says how often it may run again"},
	{"kill", false, "use stoker cancel ID"},
	{"status", false, "use stoker status ID"},
}

// refusals are the options that were given all the same.
type refusals []string

func (r *refusals) flags(cmd *cobra.Command) {
	for _, o := range refusedOptions {
		cmd.Flags().Var(&refusal{to: r, text: "--" + o.name + ": " + o.instead}, o.name, o.instead)
		if o.switchy {
			cmd.Flags().Lookup(o.name).NoOptDefVal = "true"
		}
		mustHide(cmd, o.name)
	}
}

// problem lists them all, nil for none.
func (r *refusals) problem() error {
	switch len(*r) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("spark-submit's %s", (*r)[0])
	}
	return job.Invalid("some options of spark-submit have no place here", *r)
}

// refusal is a flag that nobody can use.
type refusal struct {
	to   *refusals
	text string
}

// String is empty: there is no value.
func (*refusal) String() string { return "" }

// Set takes note.
func (r *refusal) Set(string) error {
	if !strings.Contains(strings.Join(*r.to, "\n"), r.text) {
		*r.to = append(*r.to, r.text)
	}
	return nil
}

// Type is a text.
func (*refusal) Type() string { return "string" }
