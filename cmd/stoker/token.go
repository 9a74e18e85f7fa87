package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stoker-spark/stoker/api"
)

// apiUser is what the API takes as the name of a user.
var apiUser = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`)

func tokenCommand() *cobra.Command {
	var (
		name  string
		roles []string
		out   output
	)
	known := []string{string(api.RoleUser), string(api.RoleAdmin), string(api.RoleModelManage), string(api.RoleMetrics)}
	cmd := &cobra.Command{
		Use: "token", Short: "Make a token for a user of the API", Args: noWords,
		Long: "Prints a new token on stdout, once: it is kept nowhere. What belongs into the file of users\n" +
			"(api.usersFile) stands on stderr: the token's digest, from which nobody learns the token.",
		Example: "  stoker admin token --user ana | stoker context set prod --server https://stoker.example --token-stdin",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !apiUser.MatchString(name) {
				return fmt.Errorf("--user must be letters, digits and . _ @ -, at most 100, got %q", name)
			}
			for _, r := range roles {
				if !slices.Contains(known, r) {
					return fmt.Errorf("--role must be one of %s, got %q", strings.Join(known, ", "), r)
				}
			}
			var random [32]byte
			_, _ = rand.Read(random[:]) // never fails
			token := base64.RawURLEncoding.EncodeToString(random[:])
			if out.json() {
				return printJSON(cmd, map[string]any{
					"token": token,
					"user":  map[string]any{"name": name, "roles": roles, "tokens": []string{api.TokenDigest(token)}},
				})
			}
			cmd.PrintErrf("users:\n  - name: %q\n    roles: [%s]\n    tokens: [%q]\n", name, strings.Join(roles, ", "), api.TokenDigest(token))
			_, err := fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "user", "", "name of the user")
	cmd.Flags().StringSliceVar(&roles, "role", []string{string(api.RoleUser)}, "what the user may do: "+strings.Join(known, ", ")+"; may repeat")
	out.flag(cmd)
	if err := cmd.MarkFlagRequired("user"); err != nil {
		panic(fmt.Sprintf("flag user: %v", err)) // the flag is defined above
	}
	registerCompletion(cmd, "role", words(known...))
	return cmd
}
