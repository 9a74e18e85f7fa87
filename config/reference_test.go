package config_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stoker-spark/stoker/config"
	"github.com/stoker-spark/stoker/spark/options"
)

// The reference of the configuration, the example file and the table of Spark
// options in the guide for model authors are written from the code: from doc
// comments, koanf tags and default values. After a change:
//
//	go test ./config -run TestReference -update
var update = flag.Bool("update", false, "write docs/configuration.md, stoker.example.yaml and the table in docs/models.md")

const module = "github.com/stoker-spark/stoker/"

func TestReferenceConfiguration(t *testing.T) {
	t.Parallel()
	settle(t, "../docs/configuration.md", referencePage(readComments(t)))
}

func TestReferenceExample(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "stoker.example.yaml")
	settle(t, path, exampleFile(readComments(t)))

	// It is what it says: the defaults, but for what has none.
	c, err := config.Load(path, nil, nil)
	require.NoError(t, err)
	want := example()
	require.Equal(t, plain(reflect.ValueOf(want)), plain(reflect.ValueOf(c)))
}

func TestReferenceOptions(t *testing.T) {
	t.Parallel()
	const path = "../docs/models.md"
	const begin, end = "<!-- options: generated, see config/reference_test.go -->\n", "<!-- /options -->"
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), begin)
	require.True(t, ok, "%s lacks %s", path, begin)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s lacks %s", path, end)
	settle(t, path, before+begin+optionsTable()+end+after)
}

// settle compares a generated file, or writes it.
func settle(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	if string(got) != want {
		require.Equal(t, want, string(got), "%s is stale: go test ./config -run TestReference -update", path)
	}
}

// example is the configuration of stoker.example.yaml: the defaults, and what
// has none.
func example() config.Config {
	c := config.Default()
	c.ModelManage.BaseURL = "http://gateway.example:8090"
	cluster := config.DefaultCluster(config.TypeLocal)
	cluster.Root = "/var/lib/stoker/local"
	cluster.Local.SparkHome = "/opt/spark"
	c.Clusters = map[string]config.Cluster{"local": cluster}
	return c
}

// comments are the doc comments of structs and their fields: "job.Spec" and
// "job.Spec.Kind", by import path.
type comments map[string]string

func readComments(t *testing.T) comments {
	t.Helper()
	found := comments{}
	for _, dir := range []string{"config", "modelmanage", "spark/options"} {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			require.NoError(t, err)
			ast.Inspect(tree, func(n ast.Node) bool {
				if spec, ok := n.(*ast.TypeSpec); ok {
					found.add(module+dir+"."+spec.Name.Name, spec)
				}
				return true
			})
		}
	}
	return found
}

// add takes the comments of a struct's fields. A field without one shares that
// of the field above, if it is named there.
func (c comments) add(name string, spec *ast.TypeSpec) {
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	above := ""
	for _, field := range fields.Fields.List {
		text := strings.Join(strings.Fields(field.Doc.Text()), " ")
		for _, ident := range field.Names {
			if text == "" && strings.Contains(above, ident.Name) {
				text = above
			}
			c[name+"."+ident.Name] = text
		}
		above = text
	}
}

// key is one field of a configuration struct.
type key struct {
	name, comment string
	value         reflect.Value
}

func keys(c comments, v reflect.Value) []key {
	t := v.Type()
	names := map[string]string{}
	for field := range t.Fields() {
		names[field.Name] = field.Tag.Get("koanf")
	}
	var list []key
	for field := range t.Fields() {
		text := c[t.PkgPath()+"."+t.Name()+"."+field.Name]
		list = append(list, key{
			name: names[field.Name], comment: keyNames(text, names), value: v.FieldByIndex(field.Index),
		})
	}
	return list
}

var (
	word  = regexp.MustCompile(`[A-Za-z][A-Za-z0-9]*`)
	humps = regexp.MustCompile(`[a-z][A-Z]`)
)

// keyNames writes Go's field names in a comment as the keys that people write:
// at its beginning, after a leading "and", and wherever the name can be no
// ordinary word.
func keyNames(text string, names map[string]string) string {
	leading, last := true, 0
	var b strings.Builder
	for _, at := range word.FindAllStringIndex(text, -1) {
		w := text[at[0]:at[1]]
		name, known := names[w]
		if known && (leading || humps.MatchString(w)) {
			b.WriteString(text[last:at[0]] + "`" + name + "`")
			last = at[1]
		}
		leading = leading && (known || w == "and")
	}
	b.WriteString(text[last:])
	return b.String()
}

// --- docs/configuration.md

const pageHead = `# Configuration

Generated from the code by ` + "`go test ./config -run TestReference -update`" + `; do not edit.

One YAML file serves every role: ` + "`--config FILE`" + ` or ` + "`STOKER_CONFIG`" + `. Later ones win: defaults, the file,
environment variables, flags (` + "`--log-level`, `--log-format`, and the worker's `--http`" + `). An unknown key in
the file is an error, and every problem is listed at once. ` + "`stoker.example.yaml`" + ` holds every key with its default.

An environment variable is ` + "`STOKER_`" + ` and the key, with two underscores between levels and without regard to case:
` + "`STOKER_MODELMANAGE__BASEURL`, `STOKER_CLUSTERS__LOCAL__LOCAL__CONCURRENCY`" + `. It can set a key that has one value, of a
cluster only if the file names the cluster. A variable with two underscores that names no key is an error.

How to reach Temporal is not in the file. It is told by the Temporal SDK's own environment configuration:
` + "`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS_…`, or a profile (`TEMPORAL_PROFILE`)" + `.

Durations are written 90s, 15m or 2h; a number of bytes is a plain number.
`

func referencePage(c comments) string {
	var b strings.Builder
	b.WriteString(pageHead)
	example := example()
	// Defaults, not the example's values.
	example.ModelManage.BaseURL = ""
	cluster := config.DefaultCluster(config.TypeLocal)
	cluster.Spark.Profiles = []options.Profile{{}}
	example.Clusters = map[string]config.Cluster{"<name>": cluster}
	section(&b, c, "", "", reflect.ValueOf(example))
	return b.String()
}

// section writes the table of a struct, then the sections of the structs in it.
func section(b *strings.Builder, c comments, at, comment string, v reflect.Value) {
	title := "Top level"
	if at != "" {
		title = "`" + at + "`"
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if comment != "" {
		b.WriteString(comment + "\n\n")
	}
	b.WriteString("| key | default | meaning |\n|---|---|---|\n")
	type below struct {
		at, comment string
		value       reflect.Value
	}
	var nested []below
	for _, k := range keys(c, v) {
		value := k.value
		path := strings.TrimPrefix(at+"."+k.name, ".")
		switch {
		case value.Kind() == reflect.Struct:
			nested = append(nested, below{path, k.comment, value})
			continue
		case value.Kind() == reflect.Map && value.Type().Elem().Kind() == reflect.Struct:
			nested = append(nested, below{path + ".<name>", k.comment, value.MapIndex(value.MapKeys()[0])})
			continue
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Struct && k.name != "profiles":
			nested = append(nested, below{path + "[]", k.comment, value.Index(0)})
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", k.name, cell(k), strings.ReplaceAll(k.comment, "|", `\|`))
	}
	for _, n := range nested {
		section(b, c, n.at, n.comment, n.value)
	}
}

func cell(k key) string {
	if k.name == "profiles" {
		return "list of the same as `profile`"
	}
	text := scalar(k.value)
	switch {
	case k.value.Kind() == reflect.Map:
		return "map"
	case k.value.Kind() == reflect.Slice:
		return "list"
	case text == `""`:
		return "none"
	case strings.HasSuffix(strings.ToLower(k.name), "bytes") && k.value.Int()%(1<<20) == 0:
		return fmt.Sprintf("`%s` (%d MiB)", text, k.value.Int()>>20)
	}
	return "`" + text + "`"
}

// --- stoker.example.yaml

const exampleHead = `# Every key of Stoker's configuration with its default. Generated from the code
# by go test ./config -run TestReference -update; copy it and change the copy.
# A cluster and its root have no default, nor has modelManage.baseUrl.
# How to reach Temporal is told by TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
`

func exampleFile(c comments) string {
	var b strings.Builder
	b.WriteString(exampleHead)
	writeYAML(&b, c, 0, reflect.ValueOf(example()))
	return b.String()
}

func writeYAML(b *strings.Builder, c comments, indent int, v reflect.Value) {
	margin := strings.Repeat("  ", indent)
	previous := ""
	for _, k := range keys(c, v) {
		if indent == 0 {
			b.WriteString("\n")
		}
		if k.comment != previous {
			for _, line := range wrap(strings.ReplaceAll(k.comment, "`", ""), 90-len(margin)) {
				b.WriteString(margin + "# " + line + "\n")
			}
		}
		previous = k.comment
		value := k.value
		switch {
		case value.Kind() == reflect.Struct:
			b.WriteString(margin + k.name + ":\n")
			writeYAML(b, c, indent+1, value)
		case value.Kind() == reflect.Map && value.Len() > 0 && value.Type().Elem().Kind() == reflect.Struct:
			b.WriteString(margin + k.name + ":\n")
			for _, name := range value.MapKeys() {
				b.WriteString(margin + "  " + name.String() + ":\n")
				writeYAML(b, c, indent+2, value.MapIndex(name))
			}
		case value.Kind() == reflect.Slice && value.Len() > 0:
			b.WriteString(margin + k.name + ":\n")
			for i := range value.Len() {
				var item strings.Builder
				writeYAML(&item, c, indent+2, value.Index(i))
				b.WriteString(listItem(item.String(), margin+"  "))
			}
		default:
			b.WriteString(margin + k.name + ": " + scalar(value) + "\n")
		}
	}
}

// listItem puts the dash before the first line of an item.
func listItem(item, margin string) string {
	return margin + "-" + strings.TrimPrefix(item, margin+" ")
}

// scalar is a value as YAML.
func scalar(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return duration(d)
	}
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); plainText.MatchString(s) && s != "off" {
			return s
		}
		return strconv.Quote(v.String())
	case reflect.Map:
		return "{}"
	case reflect.Slice:
		return "[]"
	default:
		return fmt.Sprint(v.Interface())
	}
}

var plainText = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/._:-]*$`)

// duration is without the zeros that Go's own form ends in.
func duration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	s := d.String()
	for _, zeros := range []string{"0s", "0m"} {
		if unit := zeros[1:]; strings.HasSuffix(s, zeros) && !strings.ContainsAny(s[len(s)-3:len(s)-2], "0123456789."+unit) {
			s = strings.TrimSuffix(s, zeros)
		}
	}
	return s
}

func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && len(line)+1+len(w) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+w, " ")
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// plain is a value with empty and missing maps and lists made the same.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		out := map[string]any{}
		for field := range v.Type().Fields() {
			out[field.Name] = plain(v.FieldByIndex(field.Index))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			out[k.String()] = plain(v.MapIndex(k))
		}
		return out
	case reflect.Slice:
		out := []any{}
		for i := range v.Len() {
			out = append(out, plain(v.Index(i)))
		}
		return out
	default:
		return v.Interface()
	}
}

// --- the table of docs/models.md

// optionsTable joins neighbouring rules of one verdict and reason into a row.
func optionsTable() string {
	var b strings.Builder
	b.WriteString("| keys | verdict | why |\n|---|---|---|\n")
	rules := options.Table()
	for i := 0; i < len(rules); {
		first := rules[i]
		var patterns []string
		for ; i < len(rules) && rules[i].Verdict == first.Verdict && rules[i].Reason == first.Reason; i++ {
			pattern := "`" + rules[i].Pattern + "`"
			if rules[i].Verdict == options.Map && rules[i].Pattern != rules[i].Conf {
				pattern += " → `" + rules[i].Conf + "`"
			}
			patterns = append(patterns, pattern)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", shorten(first.Verdict, patterns), first.Verdict, first.Reason)
	}
	return b.String()
}

// shorten writes patterns that differ in one part only once: the same variables
// behind several prefixes, and Spark's own namespaces.
func shorten(verdict options.Verdict, patterns []string) string {
	if verdict == options.Pass && len(patterns) == len(options.Namespaces()) {
		return "`spark.<namespace>.*` of Spark's namespaces: " + strings.Join(options.Namespaces(), ", ")
	}
	prefixes := []string{"spark.executorEnv.", "spark.yarn.appMasterEnv.", "spark.kubernetes.driverEnv."}
	var out []string
	for _, p := range patterns {
		at := slices.IndexFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(p, "`"+prefix) })
		if verdict != options.Refuse || at < 0 {
			out = append(out, p)
		} else if at == 0 {
			out = append(out, strings.Replace(p, prefixes[0], "<env>.", 1))
		}
	}
	return strings.Join(out, ", ")
}
