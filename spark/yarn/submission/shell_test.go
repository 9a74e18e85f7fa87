package submission

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// launch does to a command what a NodeManager and bash do, and returns the
// arguments that the process gets.
func launch(t require.TestingT, command string) []string {
	expanded := strings.NewReplacer("<LOG_DIR>", "/logs", "<CPS>", ":", "<ADD_OPENS>", "", "{{", "$", "}}", "").Replace(command)
	script := "exec /bin/bash -c \"printf '%s\\0' " + expanded + "\""
	out, err := exec.Command("/bin/bash", "-c", script).Output()
	require.NoError(t, err, script)
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func TestArgumentsReachTheProgram(t *testing.T) {
	t.Parallel()
	odd := []string{
		"plain", "", " ", "two words", "it's", `say "hi"`, "$HOME", "${HOME}", "$(id)", "`id`", `back\slash`, `two\\of them`, `end\`, `end\\`,
		`\$HOME`, `\"`, "\\`", "\\\n", "new\nline", "tab\t", "cr\r", "{{HOME}}", "{{{", "}}}", "<LOG_DIR>", "<CPS>", "<<CPS>>", "<ADD_OPENS>", "<b>",
		"a,b", "ünï💡", "*", "!", "#x", "~", "&", ";", "|", "> /dev/null", "--arg", "-", "{a,b}", "'", "''", `'\''`,
	}
	quoted := make([]string, len(odd))
	for i, word := range odd {
		quoted[i] = argument(word)
	}
	require.Equal(t, odd, launch(t, strings.Join(quoted, " ")))
	for i, w := range odd {
		quoted[i] = word(w)
	}
	require.Equal(t, odd, launch(t, strings.Join(quoted, " ")))
	for i, w := range odd {
		quoted[i] = sparkQuoted(SubmitArgument(w))
	}
	require.Equal(t, odd, launch(t, strings.Join(quoted, " ")))
}

func TestAnyArgumentReachesTheProgram(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(
			rapid.StringOf(rapid.SampledFrom([]rune("ab '\"\\$`\n\r\t{}<>!*;&|#~()[]ü💡,=%"))),
			rapid.SampledFrom([]string{"{{", "}}", "<CPS>", "<LOG_DIR>", "\\\\", "$(echo x)", "`echo x`", "${X}", "'\\''"}),
		)
		words := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(part, 0, 4).Draw(t, "parts"), "")
		}), 1, 8).Draw(t, "words")
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = argument(w)
			require.Equal(t, []string{w}, launch(t, sparkQuoted(SubmitArgument(w))))
			if w != "" {
				require.Equal(t, []string{w}, launch(t, word(w)))
			}
		}
		require.Equal(t, words, launch(t, strings.Join(quoted, " ")))
	})
}
