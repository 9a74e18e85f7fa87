package submission

import (
	"regexp"
	"strings"
)

// A NodeManager turns a command into a line of a bash script,
//
//	exec /bin/bash -c "<command>"
//
// after it has replaced {{X}} by $X, <CPS> by :, <LOG_DIR> by a path (and <ADD_OPENS>
// since Hadoop 3.4). So a word is read three times: by the NodeManager, between
// double quotes, and by the inner bash.

// argument quotes a word so that the process gets exactly it. On words that Spark's
// own quoting does not damage the result is the same as Spark's.
func argument(word string) string {
	var inner strings.Builder
	inner.WriteByte('\'')
	for i, r := range word {
		if i > 0 && makesToken(word[i-1], word[i:]) {
			inner.WriteString("''") // ends one quotation and begins another: nothing, but no token either
		}
		if r == '\'' {
			inner.WriteString(`'\''`)
			continue
		}
		inner.WriteRune(r)
	}
	inner.WriteByte('\'')
	return doubleQuoted(inner.String())
}

// SubmitArgument changes an argument that spark-submit is given in cluster mode so
// that the program gets exactly the original: Spark quotes it for bash, but neither
// backslashes and backquotes nor what a NodeManager replaces (Spark 3 and 4.0,
// YarnSparkHadoopUtil.escapeForShell).
func SubmitArgument(original string) string {
	var b strings.Builder
	for i := 0; i < len(original); i++ {
		if i > 0 && makesToken(original[i-1], original[i:]) {
			b.WriteString("\\\n") // nothing, between double quotes
		}
		if original[i] == '\\' || original[i] == '`' {
			b.WriteByte('\\')
		}
		b.WriteByte(original[i])
	}
	return b.String()
}

// token is the rest, after '<', of what a NodeManager replaces, in this version or
// another.
var token = regexp.MustCompile(`^[A-Z_]+>`)

func makesToken(before byte, rest string) bool {
	switch before {
	case '{', '}':
		return rest[0] == before
	case '<':
		return token.MatchString(rest)
	}
	return false
}

// doubleQuoted escapes text for between double quotes. A backslash is escaped only
// where it would not stand for itself.
func doubleQuoted(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '$', '"', '`':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\\':
			b.WriteByte(c)
			if i+1 < len(s) && strings.IndexByte("$\"`\\\n", s[i+1]) >= 0 {
				b.WriteByte(c)
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// maxWord is the longest argument or variable that Linux gives a program, in bytes: 32
// pages of 4 KiB less the NUL behind it. A command is one argument: bash -c's.
//
// Source: execve(2), MAX_ARG_STRLEN.
const maxWord = 128<<10 - 1

// roomForPath is how long a path is taken to be that a NodeManager puts in a command, in
// bytes.
const roomForPath = 300

// replaced is what stands for such a path. Arguments of programs hold none, see
// makesToken.
var replaced = regexp.MustCompile(`\{\{[A-Za-z0-9_]+\}\}|<[A-Z_]+>`)

// lengthInBash is how long a command is at most as the argument of the inner bash.
func lengthInBash(command string) int {
	n := 0
	for i := 0; i < len(command); i++ {
		if command[i] == '\\' && i+1 < len(command) && strings.IndexByte("$\"`\\", command[i+1]) >= 0 {
			i++ // the outer one takes the backslash away
		}
		n++
	}
	return n + len(replaced.FindAllStringIndex(command, -1))*roomForPath
}

// sparkQuoted quotes a Java option as Spark does: {{X}} and <LOG_DIR> in it are
// replaced by the NodeManager, which people rely on, and a backslash or backquote is
// bash's.
func sparkQuoted(option string) string {
	return "'" + strings.NewReplacer("$", `\$`, `"`, `\"`, "'", `'\''`).Replace(option) + "'"
}

// plainWord is what needs no quotes anywhere.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// word quotes only if needed: where Spark does not quote at all.
func word(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return argument(s)
}

// splitCommand splits options as a shell would, by Spark's own rules: inside double
// quotes a backslash stands for the next character, elsewhere for itself.
func splitCommand(s string) []string {
	var words []string
	var current strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == '"' && c == '\\':
			if i+1 < len(s) {
				i++
				current.WriteByte(s[i])
			}
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			current.WriteByte(c)
		case c == '"' || c == '\'':
			inWord, quote = true, c
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if inWord {
				words = append(words, current.String())
				current.Reset()
			}
			inWord = false
		default:
			inWord = true
			current.WriteByte(c)
		}
	}
	if inWord || quote != 0 {
		words = append(words, current.String())
	}
	return words
}
