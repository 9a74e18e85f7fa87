package hadoop

import (
	"os"
	"os/user"
	"strings"
)

// deepest is how many variables in a row Hadoop replaces in one value.
const deepest = 20

// expand replaces ${name} by that property, and ${env.NAME} by the variable of
// the environment; ${env.NAME-x} is x if that isn't set, ${env.NAME:-x} also if
// it is empty. Of Java's system properties ${user.name} is known. A variable that
// is none stays as it is, and so does a value that leads back to itself.
func (c *Configuration) expand(value string) string {
	expanded := value
	for range deepest {
		start, end := innermost(expanded)
		if start < 0 {
			return expanded
		}
		replacement, ok := c.variable(expanded[start+2 : end])
		if !ok {
			return expanded
		}
		if strings.Contains(replacement, expanded[start:end+1]) {
			return value
		}
		expanded = expanded[:start] + replacement + expanded[end+1:]
	}
	return value
}

// innermost finds the first "${…}" with no other inside it, as Hadoop does. A
// name holds neither '$' nor white space.
func innermost(value string) (start, end int) {
	for from := 0; ; {
		open := strings.Index(value[from:], "${")
		if open < 0 {
			return -1, -1
		}
		start = from + open
		stop := strings.IndexAny(value[start+2:], "}$ ")
		if stop < 0 {
			return -1, -1
		}
		end = start + 2 + stop
		if value[end] == '}' && end > start+2 {
			return start, end
		}
		from = start + 2
	}
}

func (c *Configuration) variable(name string) (string, bool) {
	if env, ok := strings.CutPrefix(name, "env."); ok {
		return fromEnvironment(env)
	}
	if value, ok := c.properties[name]; ok {
		return value, true
	}
	if name == "user.name" {
		if u, err := user.Current(); err == nil {
			return u.Username, true
		}
	}
	return "", false
}

func fromEnvironment(name string) (string, bool) {
	if i := strings.IndexByte(name, '-'); i > 0 {
		otherwise, orEmpty := name[i+1:], name[i-1] == ':'
		name = strings.TrimSuffix(name[:i], ":")
		value, ok := os.LookupEnv(name)
		if !ok || orEmpty && value == "" {
			return otherwise, true
		}
		return value, true
	}
	return os.LookupEnv(name)
}

// CurrentUser is who a client without Kerberos is to a Hadoop cluster, as in
// Java: HADOOP_USER_NAME if that is set, else the user of this process.
func CurrentUser() (string, error) {
	if name := os.Getenv("HADOOP_USER_NAME"); name != "" {
		return name, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	return u.Username, nil
}
