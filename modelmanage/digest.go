package modelmanage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// matters are the top-level fields that make a job what it is. Others may change
// at any time without changing it, known ones and those of later versions.
var matters = []string{
	"jobType", "model", "referenceModel", "inputData", "outputData", "additionalAssets", "jobParameters",
	"targetEngine", "group", "metaData",
}

// audit are the fields that model-manage keeps of its entities.
var audit = []string{"version", "createdDate", "lastModifiedDate", "createdBy", "lastModifiedBy", "_links"}

// Digest is the SHA-256, in hex, of what matters in a document, without audit
// fields, links, the state of the engine, Stoker's own keys in jobParameters
// (TMP_EXTERNAL_OUTPUT, SPARK_APPLICATION_ID and what ownParameters names besides)
// and the contents and sizes of outputs. The order of keys, the spelling of
// numbers, and whether an empty field is absent, null or empty make no difference.
func Digest(doc Document, ownParameters ...string) string {
	root := map[string]any{}
	for _, name := range matters {
		root[name] = doc.Root[name]
	}
	for _, name := range []string{"targetEngine", "model", "referenceModel"} {
		if entity, ok := root[name].(map[string]any); ok {
			entity = without(entity, audit)
			if name == "targetEngine" {
				entity = without(entity, []string{"state"})
			}
			if stored, ok := entity["storedModel"].(map[string]any); ok {
				entity["storedModel"] = without(stored, audit)
			}
			root[name] = entity
		}
	}
	if parameters, ok := root["jobParameters"].(map[string]any); ok {
		root["jobParameters"] = without(parameters, []string{ParameterExternalOutput, defaultApplicationID}, ownParameters)
	}
	if outputs, ok := root["outputData"].([]any); ok {
		outputs = slices.Clone(outputs)
		for i, o := range outputs {
			if asset, ok := o.(map[string]any); ok {
				outputs[i] = without(asset, []string{"fileContent", "fileContentString", "fileSize"})
			}
		}
		root["outputData"] = outputs
	}
	sum := sha256.Sum256([]byte(canonical(root)))
	return hex.EncodeToString(sum[:])
}

// without copies an object and leaves keys out.
func without(m map[string]any, lists ...[]string) map[string]any {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]any{}
	}
	for _, keys := range lists {
		for _, k := range keys {
			delete(m, k)
		}
	}
	return m
}

// canonical writes a JSON value in one way: keys sorted, empty fields of objects
// left out, numbers in one spelling.
func canonical(v any) string {
	var b strings.Builder
	writeCanonical(&b, v)
	return b.String()
}

func writeCanonical(b *strings.Builder, v any) {
	switch v := v.(type) {
	case map[string]any:
		b.WriteByte('{')
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if isEmpty(v[k]) {
				continue
			}
			b.WriteString(strconv.Quote(k))
			b.WriteByte(':')
			writeCanonical(b, v[k])
			b.WriteByte(',')
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for _, e := range v {
			writeCanonical(b, e)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case string:
		b.WriteString(strconv.Quote(v))
	case json.Number:
		b.WriteString(number(v))
	default:
		b.WriteString(valueText(v))
	}
}

// isEmpty reports whether a field says no more than its absence: null, or an
// object or list that is empty or holds nothing but such.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		for _, e := range v {
			if !isEmpty(e) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	}
	return false
}

// number spells 1, 1.0 and 1e0 alike.
func number(n json.Number) string {
	if i, err := n.Int64(); err == nil {
		return strconv.FormatInt(i, 10)
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
