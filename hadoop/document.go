package hadoop

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

const (
	// mostBytes bounds one configuration file.
	mostBytes = 2 << 20
	// mostIncluded bounds how many files one includes, all together.
	mostIncluded = 100
)

// Property is one of a file of Hadoop's configuration. References in its value are left.
type Property struct {
	Name, Value string
	// Final: later ones of the same name do not count.
	Final bool
	// where it stands, "file:line".
	where string
}

// Opener opens a file that another includes, and says what it is called in messages. One
// that is not there is fs.ErrNotExist.
type Opener func(href string) (name string, content []byte, err error)

// Parse reads a file of Hadoop's configuration, <configuration> with <property>
// elements, as Hadoop does: name, value and final are elements or attributes, a property
// without name or value is none, old names stand for the new ones, and a file that is
// included takes its place among the properties. What stands in an include's fallback
// counts where the file is missing; without one that is an error. The character sets are
// UTF-8, US-ASCII and ISO-8859-1. open is nil where nothing can be included.
//
// Source: org.apache.hadoop.conf.Configuration.Parser of Hadoop 3.4.
func Parse(name string, content []byte, open Opener) ([]Property, error) {
	included := 0
	return parse(name, content, open, &included)
}

// Beside opens files of this host as Hadoop finds them: by name in the directories of a
// class path, else relative to the directory of the first file that includes.
func Beside(dir string, classPath ...string) Opener {
	return func(href string) (string, []byte, error) {
		u, err := url.Parse(href)
		switch {
		case err != nil || u.Scheme != "" && u.Scheme != "file" || u.Host != "":
			return href, nil, fmt.Errorf("%s is no file of this host; put its properties into this file", href)
		case u.Scheme == "file":
			href = u.Path
		}
		if filepath.IsAbs(href) {
			data, err := readFile(href)
			return href, data, err
		}
		for _, top := range append(classPath[:len(classPath):len(classPath)], dir) {
			name := filepath.Join(top, href)
			if data, err := readFile(name); !errors.Is(err, fs.ErrNotExist) {
				return name, data, err
			}
		}
		return href, nil, fs.ErrNotExist
	}
}

// InlineSite puts what a file of these directories includes into it, for hosts that lack
// the files. One that includes nothing stays as it is, and so does one that Load does not
// read.
func InlineSite(name string, content []byte, dirs ...string) ([]byte, error) {
	if !slices.Contains(files, name) || !bytes.Contains(content, []byte("include")) {
		return content, nil
	}
	dir := ""
	for _, top := range dirs {
		if _, err := os.Stat(filepath.Join(top, name)); err == nil {
			dir = top
			break
		}
	}
	open := Beside(dir, dirs...)
	did := false
	properties, err := Parse(filepath.Join(dir, name), content, func(href string) (string, []byte, error) {
		did = true
		return open(href)
	})
	if err != nil {
		return nil, job.Errorf(job.CodeInvalid, "Hadoop configuration: %w", err)
	}
	if !did {
		return content, nil
	}
	var b bytes.Buffer
	b.WriteString(xml.Header + "<configuration>\n")
	for _, p := range properties {
		b.WriteString("<property><name>")
		_ = xml.EscapeText(&b, []byte(p.Name)) // writes to memory
		b.WriteString("</name><value>")
		_ = xml.EscapeText(&b, []byte(p.Value))
		b.WriteString("</value>")
		if p.Final {
			b.WriteString("<final>true</final>")
		}
		b.WriteString("</property>\n")
	}
	b.WriteString("</configuration>\n")
	return b.Bytes(), nil
}

// readFile reads a plain file, one byte more than Parse takes.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no plain file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	return io.ReadAll(io.LimitReader(f, mostBytes+1))
}

// oldNames of the properties that are read here.
//
// Source: Configuration.defaultDeprecations and HdfsConfiguration.addDeprecatedKeys of
// Hadoop 3.4.
var oldNames = map[string]string{
	"fs.default.name":             "fs.defaultFS",
	"dfs.federation.nameservices": "dfs.nameservices",
	"dfs.http.address":            "dfs.namenode.http-address",
	"dfs.https.address":           "dfs.namenode.https-address",
	"dfs.block.size":              "dfs.blocksize",
}

func current(name string) string {
	if now, ok := oldNames[name]; ok {
		return now
	}
	return name
}

// document is one configuration file while it is read.
type document struct {
	name       string
	decoder    *xml.Decoder
	open       Opener
	included   *int
	properties []Property
}

func parse(name string, content []byte, open Opener, included *int) ([]Property, error) {
	d := &document{name: name, decoder: xml.NewDecoder(bytes.NewReader(content)), open: open, included: included}
	d.decoder.CharsetReader = charset
	if len(content) > mostBytes {
		return nil, d.errorf("is larger than %d MiB", mostBytes>>20)
	}
	inside := false
	for {
		token, err := d.decoder.Token()
		if errors.Is(err, io.EOF) {
			if !inside {
				return nil, d.errorf("there is no <configuration>")
			}
			return d.properties, nil
		}
		if err != nil {
			return nil, d.wrong(err)
		}
		start, ok := token.(xml.StartElement)
		switch {
		case !ok:
		case !inside && start.Name.Local == "configuration":
			inside = true
		case !inside:
			return nil, d.errorf("<%s> stands where <configuration> should", start.Name.Local)
		default:
			if err := d.element(start, true); err != nil {
				return nil, err
			}
		}
	}
}

func (d *document) errorf(format string, args ...any) error {
	line, _ := d.decoder.InputPos()
	return fmt.Errorf("%s:%d: %w", d.name, line, fmt.Errorf(format, args...))
}

func (d *document) wrong(err error) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return d.errorf("%s", syntax.Msg)
	}
	return d.errorf("%w", err)
}

// element reads what begins here; it counts or not.
func (d *document) element(start xml.StartElement, counts bool) error {
	switch start.Name.Local {
	case "property":
		return d.property(start, counts)
	case "include":
		if counts {
			return d.include(start)
		}
		return d.skip()
	}
	return nil
}

func (d *document) skip() error {
	if err := d.decoder.Skip(); err != nil {
		return d.wrong(err)
	}
	return nil
}

// include reads the file that stands for an element, and the fallback in the element.
func (d *document) include(start xml.StartElement) error {
	href := ""
	for _, a := range start.Attr {
		if a.Name.Local == "href" {
			href = a.Value
		}
	}
	missing := false
	if href != "" {
		if d.open == nil {
			return d.errorf("includes another file, which would not be found on the nodes")
		}
		if *d.included++; *d.included > mostIncluded {
			return d.errorf("includes more than %d files", mostIncluded)
		}
		name, content, err := d.open(href)
		missing = errors.Is(err, fs.ErrNotExist)
		if err != nil && !missing {
			return d.errorf("includes what cannot be read: %w", err)
		}
		if !missing {
			properties, err := parse(name, content, d.open, d.included)
			if err != nil {
				return d.errorf("includes %w", err)
			}
			d.properties = append(d.properties, properties...)
		}
	}
	fallback := false
	for {
		token, err := d.decoder.Token()
		if err != nil {
			return d.wrong(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			fallback = fallback || t.Name.Local == "fallback"
			if err := d.element(t, missing && fallback); err != nil {
				return err
			}
		case xml.EndElement:
			if t.Name.Local != start.Name.Local {
				continue
			}
			if missing && !fallback {
				return d.errorf("includes %s, which is not there, and has no fallback", href)
			}
			return nil
		}
	}
}

func (d *document) property(start xml.StartElement, counts bool) error {
	line, _ := d.decoder.InputPos()
	var elements struct {
		Name  *string `xml:"name"`
		Value *string `xml:"value"`
		Final string  `xml:"final"`
	}
	if err := d.decoder.DecodeElement(&elements, &start); err != nil {
		return d.wrong(err)
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
	if !counts || elements.Name == nil || strings.TrimSpace(*elements.Name) == "" || elements.Value == nil {
		return nil
	}
	d.properties = append(d.properties, Property{
		Name: current(strings.TrimSpace(*elements.Name)), Value: *elements.Value,
		Final: strings.TrimSpace(elements.Final) == "true", where: fmt.Sprintf("%s:%d", d.name, line),
	})
	return nil
}

// charset reads the character sets that configuration files are written in, beside
// UTF-8.
func charset(name string, content io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "us-ascii", "ascii", "utf8":
		return content, nil
	case "iso-8859-1", "iso8859-1", "latin1":
		data, err := io.ReadAll(content)
		var b bytes.Buffer
		for _, c := range data {
			b.WriteRune(rune(c)) // its first 256 characters are Unicode's
		}
		return &b, err
	}
	return nil, fmt.Errorf("the character set %s cannot be read; write the file in UTF-8", name)
}
