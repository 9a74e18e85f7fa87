package submission

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	assignment = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)
	// mentions finds variables that a line may change.
	mentions = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)\+?=|\b(?:unset|read|export|declare|typeset|local)\s+(?:-\w+\s+)*([A-Za-z_][A-Za-z0-9_]*)`)
	harmless = regexp.MustCompile(`^\s*(?:#.*|export(?:\s+[A-Za-z_][A-Za-z0-9_]*)+\s*(?:\s#.*)?|:|true)?$`)
	opening  = regexp.MustCompile(`^\s*(?:if|for|while|until|case|select)\b|\{\s*$|^\s*[({]`)
	closing  = regexp.MustCompile(`^\s*(?:fi|done|esac)\b|^\s*[)}]`)
	oneLiner = regexp.MustCompile(`;\s*(?:fi|done|esac)\b|[^\\](?:\)|\})\s*$`)
	hereDoc  = regexp.MustCompile(`<<-?\s*["']?(\w+)`)
)

// ParseEnv reads the plain assignments of spark-env.sh, such as
//
//	export PYSPARK_PYTHON=/opt/python/bin/python3
//	PYSPARK_DRIVER_PYTHON="/opt/my python/bin/python"
//
// and returns them with a warning for each other line. No shell is run: a value that a
// shell would have to compute, and a variable that another line may change, is left
// out. Warnings name lines by their numbers alone: there may be secrets in them.
func ParseEnv(data []byte) (env map[string]string, warnings []string) {
	env = map[string]string{}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	depth, heredoc := 0, ""
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		number, line := i+1, lines[i]
		if heredoc != "" {
			if strings.TrimSpace(line) == heredoc {
				heredoc = ""
			}
			continue
		}
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) && !harmless.MatchString(line) {
			i++
			line = strings.TrimSuffix(line, `\`) + lines[i]
		}
		if m := assignment.FindStringSubmatch(line); m != nil && depth == 0 {
			if value, ok := literal(m[2]); ok {
				env[m[1]] = value
				continue
			}
		}
		if harmless.MatchString(line) {
			continue
		}
		for _, m := range mentions.FindAllStringSubmatch(line, -1) {
			delete(env, m[1]+m[2])
		}
		switch {
		case closing.MatchString(line):
			depth = max(0, depth-1)
			continue
		case opening.MatchString(line) && !oneLiner.MatchString(line):
			depth++
		}
		if m := hereDoc.FindStringSubmatch(line); m != nil {
			heredoc = m[1]
		}
		warnings = append(warnings, fmt.Sprintf("line %d is no plain assignment and is not run", number))
	}
	return env, warnings
}

// literal returns the value of an assignment that a shell would not have to compute.
func literal(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return "", false
			}
			b.WriteString(s[i+1 : i+1+end])
			i += 1 + end
		case c == '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 || strings.ContainsAny(s[i+1:i+1+end], "$`\\") {
				return "", false
			}
			b.WriteString(s[i+1 : i+1+end])
			i += 1 + end
		case c == ' ' || c == '\t' || c == ';':
			rest := strings.TrimSpace(s[i:])
			rest = strings.TrimSpace(strings.TrimPrefix(rest, ";"))
			return b.String(), rest == "" || strings.HasPrefix(rest, "#") && c != ';'
		case c == '~' && b.Len() == 0, strings.IndexByte("$`\\()|&<>*?[]{}!", c) >= 0:
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}
