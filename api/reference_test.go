package api

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"github.com/stretchr/testify/require"
)

// The reference of the API is written from openapi.yaml and the table of routes. After a
// change:
//
//	go test ./api -run TestReference -update
var update = flag.Bool("update", false, "write docs/api.md")

const apiReferenceHead = `# REST API

Generated from [openapi.yaml](../api/openapi.yaml) and the table of routes by ` + "`go test ./api -run TestReference -update`" + `; do not
edit. The running API serves the same description at ` + "`/openapi.yaml`" + `.

%s
Requests carry ` + "`Authorization: Bearer <token>`" + ` where the server has users ([security.md](security.md#the-api)); bodies of JSON
have at most 256 KiB. Every answer has an ` + "`X-Request-Id`" + `, which the server's log shows too. With 429 and 503 comes
` + "`Retry-After`" + `. A job from the shell:

` + "```sh" + `
curl -sS localhost:8998/v1/jobs -H 'Content-Type: application/json' -H 'Idempotency-Key: scores-2026-01-31' \
  -d '{"file": "hdfs:///jobs/scores.py", "args": ["2026-01-31"], "conf": {"spark.sql.shuffle.partitions": "64"}}'
curl -sS localhost:8998/v1/jobs/ID
curl -sSN 'localhost:8998/v1/jobs/ID/logs?follow=true'
curl -sS -X POST localhost:8998/v1/jobs/ID/cancel
` + "```" + `
`

func TestReferenceAPI(t *testing.T) {
	t.Parallel()
	const path = "../docs/api.md"
	want := apiReference(t)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "%s is stale: go test ./api -run TestReference -update", path)
}

func apiReference(t *testing.T) string {
	t.Helper()
	document, err := libopenapi.NewDocument(OpenAPI())
	require.NoError(t, err)
	model, err := document.BuildV3Model()
	require.NoError(t, err)
	var b strings.Builder
	fmt.Fprintf(&b, apiReferenceHead, model.Model.Info.Description)
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			operationText(t, &b, strings.ToUpper(method), path, item, operation)
		}
	}
	b.WriteString("\n## Schemas\n")
	for name, schema := range model.Model.Components.Schemas.FromOldest() {
		fmt.Fprintf(&b, "\n### %s\n\n%s", name, paragraph(schema.Schema().Description))
		fields(&b, schema.Schema())
	}
	return b.String()
}

func operationText(t *testing.T, b *strings.Builder, method, path string, item *v3.PathItem, o *v3.Operation) {
	t.Helper()
	fmt.Fprintf(b, "\n## %s %s\n\n%s. %s\n", method, path, o.Summary, whoMay(t, method, path))
	if o.Description != "" {
		b.WriteString("\n" + paragraph(o.Description))
	}
	if parameters := slices.Concat(item.Parameters, o.Parameters); len(parameters) > 0 {
		b.WriteString("\n| parameter | in | type | |\n|---|---|---|---|\n")
		for _, p := range parameters {
			fmt.Fprintf(b, "| `%s`%s | %s | %s | %s |\n", p.Name, required(p.Required != nil && *p.Required), p.In, typeOf(p.Schema), cell(p.Description))
		}
	}
	if o.RequestBody != nil {
		fmt.Fprintf(b, "\nBody: %s.\n", content(o.RequestBody.Content))
	}
	b.WriteString("\n| answer | | |\n|---|---|---|\n")
	for code, r := range o.Responses.Codes.FromOldest() {
		var headers []string
		for name, h := range r.Headers.FromOldest() {
			headers = append(headers, fmt.Sprintf("`%s`%s", name, prefixed(": ", cell(h.Description))))
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", code, cell(r.Description), strings.Join(slices.DeleteFunc([]string{content(r.Content), strings.Join(headers, "; ")},
			func(s string) bool { return s == "" }), "; "))
	}
	b.WriteString("| else | what went wrong, and how to mend it | [Problem](#problem) |\n")
}

// whoMay says who may use a route, from the table that guards it.
func whoMay(t *testing.T, method, path string) string {
	t.Helper()
	echoed := regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(path, ":$1")
	for _, r := range table() {
		if r.method == method && r.path == echoed {
			if r.access == accessAll {
				return "Needs no token."
			}
			roles := make([]string, 0, 2)
			for _, role := range allowed[r.access] {
				roles = append(roles, "`"+string(role)+"`")
			}
			return "Roles: " + strings.Join(roles, ", ") + "."
		}
	}
	require.Fail(t, "no route", "%s %s", method, path)
	return ""
}

func content(types *orderedmap.Map[string, *v3.MediaType]) string {
	var all []string
	for kind, media := range types.FromOldest() {
		what := typeOf(media.Schema)
		if kind != "application/json" {
			what = "`" + kind + "`"
		}
		all = append(all, what)
	}
	return strings.Join(all, " or ")
}

// fields is the table of an object's properties, or what a word may be.
func fields(b *strings.Builder, s *base.Schema) {
	if s.Properties == nil {
		if len(s.Enum) > 0 {
			fmt.Fprintf(b, "One of %s.\n", values(s))
		}
		return
	}
	b.WriteString("\n| field | type | |\n|---|---|---|\n")
	rows(b, "", s)
}

func rows(b *strings.Builder, prefix string, s *base.Schema) {
	for name, p := range s.Properties.FromOldest() {
		property := p.Schema()
		fmt.Fprintf(b, "| `%s%s`%s | %s | %s |\n", prefix, name, required(slices.Contains(s.Required, name)), typeOf(p), cell(property.Description))
		if !p.IsReference() && property.Properties != nil {
			rows(b, prefix+name+".", property)
		}
	}
}

// typeOf is a type in few words, or a link to the schema.
func typeOf(p *base.SchemaProxy) string {
	if p == nil {
		return ""
	}
	if p.IsReference() {
		name := p.GetReference()[strings.LastIndexByte(p.GetReference(), '/')+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	}
	s := p.Schema()
	switch {
	case len(s.OneOf) > 0:
		var all []string
		for _, one := range s.OneOf {
			all = append(all, typeOf(one))
		}
		return strings.Join(all, " or ")
	case len(s.Enum) > 0:
		return values(s)
	case slices.Contains(s.Type, "array"):
		return "list of " + typeOf(s.Items.A)
	case s.AdditionalProperties != nil && s.AdditionalProperties.IsA():
		return "object of " + typeOf(s.AdditionalProperties.A)
	}
	words := []string{cmp.Or(s.Format, strings.Join(s.Type, " or "))}
	if s.Minimum != nil && s.Maximum != nil {
		words = append(words, fmt.Sprintf("%v to %v", *s.Minimum, *s.Maximum))
	} else if s.Minimum != nil {
		words = append(words, fmt.Sprintf("at least %v", *s.Minimum))
	}
	if s.MaxLength != nil {
		words = append(words, fmt.Sprintf("at most %d characters", *s.MaxLength))
	}
	if s.Default != nil {
		words = append(words, "default `"+s.Default.Value+"`")
	}
	return strings.Join(words, ", ")
}

func values(s *base.Schema) string {
	all := make([]string, len(s.Enum))
	for i, v := range s.Enum {
		all[i] = "`" + v.Value + "`"
	}
	return strings.Join(all, ", ")
}

func required(is bool) string {
	if is {
		return " *"
	}
	return ""
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;").Replace(strings.Join(strings.Fields(s), " "))
}

func paragraph(s string) string {
	if s == "" {
		return ""
	}
	return strings.TrimSpace(strings.ReplaceAll(s, "<", "&lt;")) + "\n"
}
