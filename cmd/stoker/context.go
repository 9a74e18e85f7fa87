package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/client"
)

func contextCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "context", Short: "Choose the server that commands are for", GroupID: groupJobs,
		Long: "Servers and the tokens for them are kept in $XDG_CONFIG_HOME/stoker/contexts.yaml, else in\n" +
			"~/.config/stoker/contexts.yaml, which nobody but its owner may read. STOKER_SERVER and STOKER_TOKEN\n" +
			"take the place of the current context, --context and --server that of both. Without any of them the\n" +
			"server is " + client.DefaultServer + ".",
	}
	cmd.AddCommand(contextListCommand(), contextUseCommand(), contextSetCommand(), contextDeleteCommand())
	return cmd
}

// contextView is a context without its token.
type contextView struct {
	Name     string `json:"name"`
	Server   string `json:"server"`
	Current  bool   `json:"current"`
	HasToken bool   `json:"hasToken"`
}

func contextListCommand() *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "list", Short: "List the contexts", Args: noWords,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readContexts()
			if err != nil {
				return err
			}
			views := make([]contextView, 0, len(c.Contexts))
			for _, name := range c.names() {
				one := c.Contexts[name]
				views = append(views, contextView{name, one.Server, name == c.Current, one.Token != ""})
			}
			if out.json() {
				return printJSON(cmd, map[string]any{"contexts": views})
			}
			rows := [][]string{{"", "NAME", "SERVER", "TOKEN"}}
			for _, v := range views {
				rows = append(rows, []string{mark(v.Current, "*"), v.Name, v.Server, mark(v.HasToken, "yes")})
			}
			return printTable(cmd.OutOrStdout(), rows)
		},
	}
	out.flag(cmd)
	return cmd
}

func mark(is bool, word string) string {
	if is {
		return word
	}
	return ""
}

// printContext is what a command that changes a context says in JSON; to people it says
// nothing.
func printContext(cmd *cobra.Command, out output, c *contexts, name string) error {
	if !out.json() {
		return nil
	}
	one := c.Contexts[name]
	return printJSON(cmd, contextView{name, one.Server, name == c.Current, one.Token != ""})
}

func contextUseCommand() *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "use NAME", Short: "Make a context the current one", Args: oneContext, ValidArgsFunction: first(completeContexts),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := readContexts()
			if err != nil {
				return err
			}
			if _, err := c.get(args[0]); err != nil {
				return err
			}
			c.Current = args[0]
			if err := c.save(); err != nil {
				return err
			}
			return printContext(cmd, out, c, args[0])
		},
	}
	out.flag(cmd)
	return cmd
}

func contextSetCommand() *cobra.Command {
	var (
		server, tokenFile string
		tokenStdin        bool
		out               output
	)
	cmd := &cobra.Command{
		Use: "set NAME", Short: "Add or change a context", Args: oneContext, ValidArgsFunction: first(completeContexts),
		Long: "Adds a context, or changes one. The first one becomes the current one. A token is read from a file\n" +
			"or from stdin, never from the command line, which others can see; it is kept when a context that\n" +
			"has one is changed, but not when its server is.",
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if !contextName.MatchString(name) {
				return fmt.Errorf("the name of a context must be letters, digits and . _ -, at most 63, got %q", name)
			}
			if tokenFile != "" && tokenStdin {
				return errors.New("--token-file and --token-stdin both name a token; use one of them")
			}
			c, err := readContexts()
			if err != nil {
				return err
			}
			before, known := c.Contexts[name]
			if server == "" && !known {
				return fmt.Errorf("context %s has no server: name it with --server", name)
			}
			if server == "" {
				server = before.Server
			}
			base, err := client.ParseServer(server)
			if err != nil {
				return err
			}
			now := serverContext{Server: base.String()}
			switch {
			case tokenFile != "" || tokenStdin:
				if now.Token, err = readToken(cmd.InOrStdin(), tokenFile); err != nil {
					return err
				}
			case before.Server == now.Server:
				if now.Token, err = c.token(before); err != nil {
					return err
				}
			case before.Token != "":
				cmd.PrintErrf("the token for %s was dropped; give one for %s with --token-stdin\n", before.Server, now.Server)
			}
			if host := base.Hostname(); now.Token != "" && base.Scheme == "http" && host != "localhost" && !net.ParseIP(host).IsLoopback() {
				cmd.PrintErrf("warning: %s is not https, so everybody on the way can read the token\n", now.Server)
			}
			c.Contexts[name] = now
			if c.Current == "" {
				c.Current = name
			}
			if err := c.save(); err != nil {
				return err
			}
			return printContext(cmd, out, c, name)
		},
	}
	out.flag(cmd)
	cmd.Flags().StringVar(&server, "server", "", "address of the API, such as https://stoker.example")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "file with the token, which nobody else may read")
	cmd.Flags().BoolVar(&tokenStdin, "token-stdin", false, "read the token from stdin")
	return cmd
}

// readToken reads a token from a file, or from stdin if path is empty.
func readToken(stdin io.Reader, path string) (string, error) {
	from, data, open := "stdin", []byte(nil), false
	var err error
	if path == "" {
		data, err = io.ReadAll(io.LimitReader(stdin, maxPrivate))
	} else {
		from = path
		data, open, err = readPrivate(path)
	}
	token := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return "", fmt.Errorf("read the token: %w", err)
	case open:
		return "", fmt.Errorf("others than you can read the token in %s: chmod 600 %s, and have the token replaced", path, path)
	case token == "":
		return "", fmt.Errorf("there is no token in %s", from)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fmt.Errorf("what is in %s is no token: it must be one word", from)
	}
	return token, nil
}

func contextDeleteCommand() *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Forget a context and its token", Args: oneContext, ValidArgsFunction: first(completeContexts),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := readContexts()
			if err != nil {
				return err
			}
			if _, err := c.get(args[0]); err != nil {
				return err
			}
			delete(c.Contexts, args[0])
			if c.Current == args[0] {
				c.Current = ""
			}
			if err := c.save(); err != nil || !out.json() {
				return err
			}
			return printJSON(cmd, map[string]string{"deleted": args[0]})
		},
	}
	out.flag(cmd)
	return cmd
}
