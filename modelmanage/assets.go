package modelmanage

import (
	"bytes"
	"fmt"
	"maps"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// The asset types.
const (
	assetFile     = "FILE"
	assetExternal = "EXTERNAL_FILE"
	assetSource   = "SOURCE_CODE"
	assetSQL      = "SQL"
)

// model converts the assets of the model and the additional ones. Those of
// referenceModel are not the job's.
func (v *converter) model() {
	if _, ok := v.doc.Root["model"].(map[string]any); !ok {
		v.addf("model: is missing")
		return
	}
	const where = "model.storedModel.modelAssets"
	assets := v.list(where, dig(v.doc.Root, "model", "storedModel", "modelAssets"))
	primary := v.primary(where, assets)
	for i, a := range assets {
		if a != nil && i != primary {
			v.modelAsset(label(where, i, a), i, a)
		}
	}
	for i, a := range v.list("additionalAssets", v.doc.Root["additionalAssets"]) {
		if a != nil {
			v.modelAsset(label("additionalAssets", i, a), len(assets)+i, a)
		}
	}
	v.unique()
}

// primary takes the primary source and returns its index, -1 without one.
func (v *converter) primary(where string, assets []map[string]any) int {
	var sources, marked []int
	for i, a := range assets {
		if text(a["assetType"]) != assetSource {
			continue
		}
		sources = append(sources, i)
		if m := a["primaryModelSource"]; m == true || m == "true" {
			marked = append(marked, i)
		}
	}
	at := -1
	switch {
	case len(sources) == 0:
		v.addf("%s: holds no SOURCE_CODE", where)
	case len(marked) == 1:
		at = marked[0]
	case len(marked) > 1:
		v.addf("%s: %d assets are primaryModelSource; there must be one", where, len(marked))
	case len(sources) == 1:
		at = sources[0]
	default:
		v.addf("%s: none of the %d SOURCE_CODE assets is primaryModelSource", where, len(sources))
	}
	if at >= 0 {
		primary, ok := v.source(label(where, at, assets[at]), assets[at])
		if ok {
			v.primaryAsset = assets[at]
		}
		v.manifest.Primary = primary
	}
	return at
}

func (v *converter) modelAsset(where string, index int, asset map[string]any) {
	switch t := text(asset["assetType"]); t {
	case assetSource:
		if s, ok := v.source(where, asset); ok {
			v.manifest.Siblings = append(v.manifest.Siblings, s)
		}
	case assetFile:
		v.workFile(where, asset)
	case assetExternal:
		if a, ok := v.external(where, index, asset); ok {
			v.manifest.ModelAssets = append(v.manifest.ModelAssets, a)
		}
	default:
		v.unsupported(where, t)
	}
}

func (v *converter) unsupported(where, assetType string) {
	switch assetType {
	case "":
		v.addf("%s: has no assetType", where)
	case assetSQL:
		v.addf("%s: SQL assets are not supported for Spark jobs", where)
	default:
		v.addf("%s: assetType %q is not supported here", where, job.Head(assetType, maxShort))
	}
}

// source converts a SOURCE_CODE asset.
func (v *converter) source(where string, asset map[string]any) (job.SourceFile, bool) {
	code, ok := asset["sourceCode"].(string)
	if !ok {
		v.addf("%s: has no sourceCode", where)
	}
	if v.fits(where, len(code)) {
		v.grow(len(code))
	}
	path := firstText(asset["sourceCodeFilePath"], asset["name"], asset["filename"])
	if path == "" {
		v.addf("%s: has no sourceCodeFilePath and no name", where)
		return job.SourceFile{}, false
	}
	safe, problem := sourcePath(path)
	if problem != "" {
		v.addf("%s: its path %q %s", where, job.Head(path, maxShort), problem)
		return job.SourceFile{}, false
	}
	return job.SourceFile{Path: safe, Text: code}, ok
}

// workFile converts a FILE asset of the model, which lies in the working
// directory under its bare name.
func (v *converter) workFile(where string, asset map[string]any) {
	name, ok := v.fileName(where, asset)
	content, there := v.content(where, asset)
	if size := scalar(asset["fileSize"]); !there && size != "" && size != "0" {
		v.addf("%s: is a FILE without content", where)
	}
	if ok {
		v.manifest.WorkFiles = append(v.manifest.WorkFiles, job.WorkFile{Path: name, Content: content})
	}
}

// fileName is the safe bare name of an embedded asset.
func (v *converter) fileName(where string, asset map[string]any) (string, bool) {
	name := firstText(asset["filename"], asset["name"])
	if problem := nameProblem(name); problem != "" {
		v.addf("%s: its file name %q %s", where, job.Head(name, maxShort), problem)
		return "", false
	}
	return name, true
}

// external converts an asset that stays where it is.
func (v *converter) external(where string, index int, asset map[string]any) (job.Asset, bool) {
	url := text(asset["fileUrl"])
	ok := true
	if strings.TrimSpace(url) == "" {
		v.addf("%s: is an EXTERNAL_FILE without fileUrl", where)
		ok = false
	}
	if strings.ContainsFunc(url, isControl) {
		v.addf("%s: its fileUrl holds a control character", where)
		ok = false
	}
	for part := range strings.SplitSeq(text(asset["filename"]), "/") {
		if part == ".." || strings.ContainsFunc(part, isControl) {
			v.addf("%s: its file name %q leaves the directory", where, job.Head(text(asset["filename"]), maxShort))
			return job.Asset{}, false
		}
	}
	return job.Asset{
		FileName: externalName(asset), Format: format(asset), URL: url, Index: index, Object: withoutContent(asset),
	}, ok
}

// data converts inputs and outputs, in their order.
func (v *converter) data() {
	for i, a := range v.list("inputData", v.doc.Root["inputData"]) {
		if a == nil {
			continue
		}
		where := label("inputData", i, a)
		asset, ok := v.dataAsset(where, i, a)
		if asset.Embedded {
			var there bool
			if asset.Content, there = v.content(where, a); !there {
				v.addf("%s: is a FILE without content", where)
			}
		}
		if ok {
			v.manifest.Inputs = append(v.manifest.Inputs, asset)
		}
	}
	for i, a := range v.list("outputData", v.doc.Root["outputData"]) {
		if a == nil {
			continue
		}
		if asset, ok := v.dataAsset(label("outputData", i, a), i, a); ok {
			v.manifest.Outputs = append(v.manifest.Outputs, asset)
		}
	}
}

// dataAsset converts an input or output; an embedded one is described to the
// model as the external file that it becomes when it is staged.
func (v *converter) dataAsset(where string, index int, asset map[string]any) (job.Asset, bool) {
	switch t := text(asset["assetType"]); t {
	case assetExternal:
		return v.external(where, index, asset)
	case assetFile:
		name, ok := v.fileName(where, asset)
		object := withoutContent(asset)
		object["assetType"] = assetExternal
		delete(object, "fileUrl")
		return job.Asset{FileName: name, Format: format(asset), Embedded: true, Index: index, Object: object}, ok
	default:
		v.unsupported(where, t)
		return job.Asset{}, false
	}
}

func withoutContent(asset map[string]any) map[string]any {
	object := maps.Clone(asset)
	delete(object, "fileContent")
	delete(object, "fileContentString")
	return object
}

func format(asset map[string]any) string {
	f := strings.ToUpper(strings.TrimSpace(text(asset["fileFormat"])))
	if f == "UNKNOWN" || len(f) > 50 || strings.ContainsFunc(f, isControl) {
		return ""
	}
	return f
}

// unique checks that no two sources and no two work files want the same path,
// or one a directory that is the other's file. Equal ones are one.
func (v *converter) unique() {
	// Sources and work files meet in the driver's working directory or on its
	// import path, each in their own.
	sources := map[string]string{}
	if v.manifest.Primary.Path != "" {
		sources[v.manifest.Primary.Path] = v.manifest.Primary.Text
	}
	var siblings []job.SourceFile
	for _, s := range v.manifest.Siblings {
		text, taken := sources[s.Path]
		switch {
		case !taken:
			sources[s.Path] = s.Text
			siblings = append(siblings, s)
		case text != s.Text:
			v.addf("source %s: two assets with different text have this path", s.Path)
		}
	}
	v.manifest.Siblings = siblings
	for _, s := range siblings {
		v.nested(sources, s.Path)
	}
	v.nested(sources, v.manifest.Primary.Path)

	files := map[string][]byte{}
	var workFiles []job.WorkFile
	for _, f := range v.manifest.WorkFiles {
		content, taken := files[f.Path]
		switch {
		case !taken:
			files[f.Path] = f.Content
			workFiles = append(workFiles, f)
		case !bytes.Equal(content, f.Content):
			v.addf("file %s: two assets with different content have this name", f.Path)
		}
	}
	v.manifest.WorkFiles = workFiles
}

// nested checks that none of a path's directories is a file.
func (v *converter) nested(files map[string]string, path string) {
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		if _, ok := files[path[:i]]; ok {
			v.addf("source %s: %s is a file as well as its directory", path, path[:i])
		}
	}
}

// label names an asset for people.
func label(where string, i int, asset map[string]any) string {
	name := firstText(asset["filename"], asset["name"], asset["sourceCodeFilePath"], asset["fileUrl"])
	if name == "" {
		return fmt.Sprintf("%s[%d]", where, i)
	}
	return fmt.Sprintf("%s[%d] %q", where, i, job.Head(name, maxShort))
}
