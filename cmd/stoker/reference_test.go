package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// The reference of the command line is written from the commands. After a change:
//
//	go test ./cmd/stoker -run TestReference -update
var update = flag.Bool("update", false, "write docs/cli.md")

const referenceHead = `# Commands

Generated from the code by ` + "`go test ./cmd/stoker -run TestReference -update`" + `; do not edit.

Results stand on stdout, everything else on stderr.

| exit status | |
|---|---|
| 0 | What was asked for was done. With ` + "`--wait`" + ` of submit and rerun the job succeeded; with that of cancel it ended, and not as lost. Doctor found nothing that fails. A role (worker, starter, api) was told to stop. |
| 1 | It was not, or the command was interrupted. |

With ` + "`-o json`" + ` an error is JSON as well: an object on one line, the last on stderr, with ` + "`error`, with `problems`" + ` if they are
listed and, where a server refused, with ` + "`status`, `title`, `detail` and `requestId`" + ` of its answer. What stands before it are
notes for people. What doctor finds stands in its report alone.

` + "`stoker completion bash`" + ` (or zsh, fish, powershell) prints a script for the shell's completion, also of job ids,
clusters and contexts; ` + "`stoker completion bash --help`" + ` says where it goes.
`

// Not parallel: defaults come from the environment, which must be empty here.
func TestReferenceCommands(t *testing.T) {
	for _, name := range []string{"STOKER_CONFIG", "SPARK_HOME"} {
		t.Setenv(name, "")
	}
	const path = "../../docs/cli.md"
	want := referencePage(rootCommand())
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	if string(got) != want {
		require.Equal(t, want, string(got), "%s is stale: go test ./cmd/stoker -run TestReference -update", path)
	}
}

func referencePage(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, group := range root.Groups() {
		fmt.Fprintf(&b, "\n## %s\n", strings.TrimSuffix(group.Title, ":"))
		for _, cmd := range root.Commands() {
			if cmd.GroupID == group.ID {
				section(&b, cmd)
			}
		}
	}
	b.WriteString("\n## Flags of server roles and operation\n")
	flagTable(&b, root.PersistentFlags())
	return b.String()
}

// section describes a command and those below it; those that are hidden are for nobody.
func section(b *strings.Builder, cmd *cobra.Command) {
	if cmd.Hidden {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n", cmd.CommandPath())
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	b.WriteString(text + "\n")
	if cmd.Runnable() {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", cmd.UseLine())
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\nExamples:\n\n```sh\n%s\n```\n", unindent(cmd.Example))
	}
	flagTable(b, cmd.NonInheritedFlags())
	if cmd.Name() == "submit" {
		refusedTable(b)
	}
	for _, below := range cmd.Commands() {
		section(b, below)
	}
}

// refusedTable says which options of spark-submit are not taken.
func refusedTable(b *strings.Builder) {
	b.WriteString("\nOptions of spark-submit that are refused:\n\n| option | why, or what to do instead |\n|---|---|\n")
	for _, o := range refusedOptions {
		fmt.Fprintf(b, "| `--%s` | %s |\n", o.name, o.instead)
	}
}

func unindent(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll(text, "\n  ", "\n"), "  ")
}

func flagTable(b *strings.Builder, flags *pflag.FlagSet) {
	var rows []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name += ", `-" + f.Shorthand + "`"
		}
		value, usage := pflag.UnquoteUsage(f)
		if value != "" {
			name += " " + value
		}
		switch f.DefValue {
		case "", "0", "0s", "false", "[]", "-1":
		default:
			usage += fmt.Sprintf(" (default: `%s`)", f.DefValue)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`)))
	})
	if len(rows) > 0 {
		b.WriteString("\n| flag | meaning |\n|---|---|\n" + strings.Join(rows, ""))
	}
}
