package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
)

// user is what every command of users has: a server, and how to print.
type user struct {
	server, context string
	output          output
}

var (
	// errInterrupted is the end of a command that Ctrl-C ended.
	errInterrupted = errors.New("interrupted")
	// errSaid is the end of a command that has said all there is to say.
	errSaid = errors.New("what went wrong was said already")
)

// said is errSaid with what was said to people in short, for those who read JSON.
type said struct{ words string }

func sayingf(format string, args ...any) error { return said{fmt.Sprintf(format, args...)} }

func (s said) Error() string { return s.words }

func (said) Is(target error) bool { return target == errSaid }

// command makes a command one of users.
func (u *user) command(cmd *cobra.Command) *cobra.Command {
	cmd.GroupID = groupJobs
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil {
			return errInterrupted
		}
		return advise(err)
	}
	cmd.Flags().StringVar(&u.server, "server", "", "address of the API, in place of the context's")
	cmd.Flags().StringVar(&u.context, "context", "", "context to use, in place of the current one")
	u.output.flag(cmd)
	registerCompletion(cmd, "context", completeContexts)
	withoutRoleFlags(cmd)
	return cmd
}

// oneJob is the argument of commands about a job.
func oneJob(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return fmt.Errorf("%s takes the id of one job, got %d words; stoker list shows the ids", cmd.CommandPath(), len(args))
	}
	return nil
}

// noWords is the argument of commands that take none.
func noWords(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, got %q; %[1]s --help shows its options", cmd.CommandPath(), args[0])
	}
	return nil
}

// oneContext is the argument of commands about a context.
func oneContext(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return fmt.Errorf("%s takes the name of one context, got %d words; stoker context list shows the names", cmd.CommandPath(), len(args))
	}
	return nil
}

// withoutRoleFlags keeps the flags that only roles have from a command and its help.
func withoutRoleFlags(cmd *cobra.Command) {
	for _, name := range []string{"config", "log-level", "log-format"} {
		if cmd.Flags().Lookup(name) == nil {
			cmd.Flags().String(name, "", "")
			mustHide(cmd, name)
		}
	}
}

func mustHide(cmd *cobra.Command, name string) {
	if err := cmd.Flags().MarkHidden(name); err != nil {
		panic(fmt.Sprintf("flag %s: %v", name, err)) // the flag is defined above
	}
}

// client of the command's server. It says on stderr why it waits.
func (u *user) client(cmd *cobra.Command) (*client.Client, error) {
	t, err := resolve(u.server, u.context)
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{
		Server: t.server, Token: t.token, UserAgent: "stoker/" + buildVersion(),
		Waiting: func(why error, pause time.Duration) {
			if pause >= time.Second {
				cmd.PrintErrf("stoker: %s; trying again in %s\n", plain(why.Error()), pause.Round(time.Second))
			}
		},
	})
}

// advise says what a user can do about an error of the server's.
func advise(err error) error {
	switch {
	case errors.Is(err, client.ErrUnreachable):
		return fmt.Errorf("%w; start one with make run or stoker api, or choose another with stoker context use", err)
	case errors.Is(err, client.ErrToken):
		return fmt.Errorf("%w; give it with stoker context set NAME --token-stdin, or in STOKER_TOKEN", err)
	case errors.Is(err, client.ErrStrange):
		return fmt.Errorf("%w; see whether the address is right with stoker context list, and what stands before the server", err)
	}
	return err
}
