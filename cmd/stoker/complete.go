package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stoker-spark/stoker/client"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobs"
)

// completer offers the words that may stand at the cursor.
type completer = func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeLimit is how long somebody waits behind the TAB key.
const completeLimit = 2 * time.Second

func registerCompletion(cmd *cobra.Command, flag string, f completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(fmt.Sprintf("flag %s: %v", flag, err)) // each flag gets one, after it is defined
	}
}

// words offers always the same.
func words(list ...string) completer {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

func phaseWords() []string {
	var list []string
	for _, p := range job.Phases() {
		list = append(list, string(p))
	}
	return list
}

func outcomeWords() []string {
	return []string{
		string(job.ResultSucceeded), string(job.ResultFailed), string(job.ResultCancelled), string(job.ResultLost), "none",
	}
}

// fileFlags are those whose values are files of the caller's.
var fileFlags = []string{"archives", "config", "files", "jars", "py-files", "spark-home", "token-file"}

// offerNoFiles keeps the shell from offering files where none can stand, in a command and
// all below it.
func offerNoFiles(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, has := cmd.GetFlagCompletionFunc(f.Name); !has && !slices.Contains(fileFlags, f.Name) {
			registerCompletion(cmd, f.Name, cobra.NoFileCompletions)
		}
	})
	if cmd.ValidArgsFunction == nil && !cmd.HasSubCommands() && cmd.Name() != "submit" {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, c := range cmd.Commands() {
		offerNoFiles(c)
	}
}

// first offers something for the first argument alone.
func first(f completer) completer {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, prefix)
	}
}

func completeContexts(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := readContexts()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cobra.Completion
	for _, name := range c.names() {
		list = append(list, cobra.CompletionWithDesc(name, c.Contexts[name].Server))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// fromServer offers what the server says, nothing if it says nothing soon.
func fromServer(ask func(context.Context, *client.Client) ([]cobra.Completion, error)) completer {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const nothingElse = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
		server, _ := cmd.Flags().GetString("server") // every command that asks has both flags
		chosen, _ := cmd.Flags().GetString("context")
		t, err := resolve(server, chosen)
		if err != nil {
			return nil, nothingElse
		}
		c, err := client.New(client.Options{Server: t.server, Token: t.token, Timeout: completeLimit, Patience: -1})
		if err != nil {
			return nil, nothingElse
		}
		ctx, cancel := context.WithTimeout(context.Background(), completeLimit)
		defer cancel()
		list, err := ask(ctx, c)
		if err != nil {
			return nil, nothingElse
		}
		return list, nothingElse
	}
}

// completeJobs offers the jobs that started last.
func completeJobs(of jobs.Query) completer {
	of.Limit = jobs.DefaultPage
	return fromServer(func(ctx context.Context, c *client.Client) ([]cobra.Completion, error) {
		page, err := c.List(ctx, of)
		var list []cobra.Completion
		for _, j := range page.Jobs {
			list = append(list, cobra.CompletionWithDesc(plainLine(j.ID), plainLine(j.Name+", "+state(j))))
		}
		return list, err
	})
}

// completeProfiles offers those of the cluster that was chosen, else the default one.
func completeProfiles() completer {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		chosen, _ := cmd.Flags().GetString("cluster") // who completes profiles has it
		return fromServer(func(ctx context.Context, c *client.Client) ([]cobra.Completion, error) {
			all, err := c.Clusters(ctx)
			var list []cobra.Completion
			for _, one := range all {
				if one.Name == chosen || chosen == "" && one.Default {
					for _, p := range one.Profiles {
						list = append(list, plainLine(p))
					}
				}
			}
			return list, err
		})(cmd, args, prefix)
	}
}

func completeClusters() completer {
	return fromServer(func(ctx context.Context, c *client.Client) ([]cobra.Completion, error) {
		all, err := c.Clusters(ctx)
		var list []cobra.Completion
		for _, one := range all {
			list = append(list, plainLine(one.Name))
		}
		return list, err
	})
}
