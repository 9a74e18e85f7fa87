// Package hadoop is what every client of a Hadoop cluster needs, whichever of
// its services it speaks to: the configuration of clients, HTTP clients that
// authenticate, connections that can't hang for ever, the meaning of the Java
// exceptions that servers answer with, and the hiding of tokens in texts. What a
// single service offers belongs elsewhere: store/hdfs, store/webhdfs.
package hadoop

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// files of a configuration directory, in the order in which clients of HDFS,
// YARN and MapReduce read them: a later file overrides an earlier one.
var files = []string{"core-site.xml", "hdfs-site.xml", "yarn-site.xml", "mapred-site.xml"}

// Configuration is the client side of a Hadoop cluster's configuration. It holds
// what the files say; where they are silent, the methods that name a service
// answer with Hadoop's own defaults. It never changes once it is made.
//
// Source: org.apache.hadoop.conf.Configuration of Hadoop 3.4.
type Configuration struct {
	properties map[string]string
	// where each property was read, "file:line", for messages.
	where map[string]string
}

// New makes a Configuration of these properties.
func New(properties map[string]string) *Configuration {
	return (&Configuration{}).With(properties)
}

// Load reads core-site.xml, hdfs-site.xml, yarn-site.xml and mapred-site.xml from
// directories such as HADOOP_CONF_DIR and YARN_CONF_DIR. Each file is taken from
// the first directory that has it, as Java does on a class path. A property that
// a file calls final is not overridden by later files; of one that stands twice
// in a file, the last counts.
//
// A directory without any of the files and a file that can't be read are errors
// of code invalid; the latter names file and line. Files that these include (xi:include)
// are read as Parse says.
func Load(dirs ...string) (*Configuration, error) {
	if len(dirs) == 0 {
		return nil, job.Errorf(job.CodeInvalid, "no Hadoop configuration directory is given")
	}
	var parsed []Property
	used := map[string]bool{}
	for _, name := range files {
		for _, dir := range dirs {
			file := filepath.Join(dir, name)
			data, err := readFile(file)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			var properties []Property
			if err == nil {
				properties, err = Parse(file, data, Beside(dir, dirs...))
			}
			if err != nil {
				return nil, job.Errorf(job.CodeInvalid, "Hadoop configuration: %w", err)
			}
			parsed = append(parsed, properties...)
			used[dir] = true
			break
		}
	}
	for _, dir := range dirs {
		if !used[dir] && !holdsAny(dir) {
			return nil, job.Errorf(job.CodeInvalid, "Hadoop configuration: %s holds none of %s", dir, strings.Join(files, ", "))
		}
	}

	c := New(map[string]string{})
	final := map[string]bool{}
	for _, p := range parsed {
		if final[p.Name] {
			continue
		}
		c.properties[p.Name] = p.Value
		c.where[p.Name] = p.where
		final[p.Name] = p.Final
	}
	return c, nil
}

func holdsAny(dir string) bool {
	return slices.ContainsFunc(files, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}

// With returns a copy in which these properties replace those of the same names.
func (c *Configuration) With(properties map[string]string) *Configuration {
	changed := &Configuration{properties: map[string]string{}, where: map[string]string{}}
	maps.Copy(changed.properties, c.properties)
	maps.Copy(changed.where, c.where)
	for name, value := range properties {
		now := current(name)
		if _, both := properties[now]; now != name && both {
			continue // the old name says nothing beside the new one
		}
		changed.properties[now] = value
		delete(changed.where, now)
	}
	return changed
}

// Get returns a property with its variables replaced and white space around it
// taken off, "" if it isn't set.
func (c *Configuration) Get(name string) string {
	return strings.TrimSpace(c.expand(c.properties[name]))
}

// Strings returns the parts of a property that is a list with commas, without
// white space and empty parts.
func (c *Configuration) Strings(name string) []string {
	var parts []string
	for part := range strings.SplitSeq(c.Get(name), ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// Size returns a property that is a number, with an optional factor behind it (k,
// m, g, t: powers of 1024); 0 if it isn't set. Anything else, and a number below
// 0, is an error of code invalid.
func (c *Configuration) Size(name string) (int64, error) {
	text := strings.ToLower(c.Get(name))
	if text == "" {
		return 0, nil
	}
	shift := 0
	if i := strings.IndexByte("kmgt", text[len(text)-1]); i >= 0 {
		shift, text = 10*(i+1), text[:len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, job.Errorf(job.CodeInvalid, "Hadoop configuration: %s is %q, not a size such as 134217728 or 128m", c.at(name), c.Get(name))
	}
	return n << shift, nil
}

// is reports whether a property is "true".
func (c *Configuration) is(name string) bool { return strings.EqualFold(c.Get(name), "true") }

// or returns a property, or a default if it isn't set.
func (c *Configuration) or(name, otherwise string) string {
	if value := c.Get(name); value != "" {
		return value
	}
	return otherwise
}

// at names a property and where it was read, for messages.
func (c *Configuration) at(name string) string {
	if where := c.where[name]; where != "" {
		return fmt.Sprintf("%s (%s)", name, where)
	}
	return name
}
