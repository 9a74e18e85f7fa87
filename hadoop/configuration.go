// Package hadoop is what every client of a Hadoop cluster needs, whichever of
// its services it speaks to: the configuration of clients, HTTP clients that
// authenticate, connections that can't hang for ever, the meaning of the Java
// exceptions that servers answer with, and the hiding of tokens in texts. What a
// single service offers belongs elsewhere: store/hdfs, store/webhdfs.
package hadoop

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
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

// mostBytes bounds one configuration file.
const mostBytes = 2 << 20

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
	return &Configuration{properties: maps.Clone(properties), where: map[string]string{}}
}

// Load reads core-site.xml, hdfs-site.xml, yarn-site.xml and mapred-site.xml from
// directories such as HADOOP_CONF_DIR and YARN_CONF_DIR. Each file is taken from
// the first directory that has it, as Java does on a class path. A property that
// a file calls final is not overridden by later files; of one that stands twice
// in a file, the last counts.
//
// A directory without any of the files and a file that can't be read are errors
// of code invalid; the latter names file and line. XInclude is refused, since
// the properties left out would be missed much later.
func Load(dirs ...string) (*Configuration, error) {
	if len(dirs) == 0 {
		return nil, job.Errorf(job.CodeInvalid, "no Hadoop configuration directory is given")
	}
	var parsed []*document
	used := map[string]bool{}
	for _, name := range files {
		for _, dir := range dirs {
			d, err := parseFile(filepath.Join(dir, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, job.Errorf(job.CodeInvalid, "Hadoop configuration: %w", err)
			}
			parsed = append(parsed, d)
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
	for _, d := range parsed {
		for _, p := range d.properties {
			if final[p.name] {
				continue
			}
			c.properties[p.name] = p.value
			c.where[p.name] = fmt.Sprintf("%s:%d", d.path, p.line)
		}
		for _, p := range d.properties {
			final[p.name] = final[p.name] || p.final
		}
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
	changed := &Configuration{properties: maps.Clone(c.properties), where: maps.Clone(c.where)}
	for name, value := range properties {
		changed.properties[name] = value
		delete(changed.where, name)
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

// document is one configuration file.
type document struct {
	path       string
	properties []property
}

type property struct {
	name, value string
	final       bool
	line        int
}

func parseFile(path string) (*document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	return parse(path, io.LimitReader(f, mostBytes+1))
}

// parse reads <configuration> with <property> elements. Name, value and final
// are elements, or attributes of the property.
func parse(path string, r io.Reader) (*document, error) {
	decoder := xml.NewDecoder(r)
	d := &document{path: path}
	fail := func(format string, args ...any) (*document, error) {
		line, _ := decoder.InputPos()
		return nil, fmt.Errorf("%s:%d: %s", path, line, fmt.Sprintf(format, args...))
	}
	inside := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			if !inside {
				return fail("there is no <configuration>")
			}
			return d, nil
		}
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			return fail("%s", syntax.Msg)
		}
		if err != nil {
			return fail("%v", err)
		}
		if decoder.InputOffset() > mostBytes {
			return fail("is larger than %d MiB", mostBytes>>20)
		}
		start, ok := token.(xml.StartElement)
		switch {
		case !ok:
		case !inside && start.Name.Local == "configuration":
			inside = true
		case !inside:
			return fail("<%s> stands where <configuration> should", start.Name.Local)
		case start.Name.Local == "include":
			return fail("xi:include is not supported; put the properties into this file")
		case start.Name.Local == "property":
			line, _ := decoder.InputPos()
			p, err := parseProperty(decoder, start)
			if err != nil {
				return fail("%v", err)
			}
			if p.name != "" {
				p.line = line
				d.properties = append(d.properties, p)
			}
		}
	}
}

// parseProperty leaves the name empty where there is no value: Hadoop skips that.
func parseProperty(decoder *xml.Decoder, start xml.StartElement) (property, error) {
	var elements struct {
		Name  *string `xml:"name"`
		Value *string `xml:"value"`
		Final string  `xml:"final"`
	}
	if err := decoder.DecodeElement(&elements, &start); err != nil {
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			return property{}, errors.New(syntax.Msg)
		}
		return property{}, err
	}
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "name":
			elements.Name = &a.Value
		case "value":
			elements.Value = &a.Value
		case "final":
			elements.Final = a.Value
		}
	}
	if elements.Name == nil || strings.TrimSpace(*elements.Name) == "" {
		return property{}, errors.New("a property has no name")
	}
	if elements.Value == nil {
		return property{}, nil
	}
	return property{
		name:  strings.TrimSpace(*elements.Name),
		value: *elements.Value,
		final: strings.TrimSpace(elements.Final) == "true",
	}, nil
}
