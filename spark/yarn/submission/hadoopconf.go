package submission

import (
	"bytes"
	"encoding/xml"
	"maps"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/hadoop"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// siteFiles are the files that a Hadoop configuration consists of, later ones win.
var siteFiles = []string{"core-site.xml", "hdfs-site.xml", "mapred-site.xml", "yarn-site.xml"}

// hadoopOverlays are the keys of Spark's configuration that go into Hadoop's, and what
// stands there in place of their prefix.
var hadoopOverlays = []struct{ prefix, instead string }{{"spark.hadoop.", ""}, {"spark.hive.", "hive."}}

// mergeHadoop reads the Hadoop configuration and lays spark.hadoop.* and spark.hive.*
// over it.
func (b *builder) mergeHadoop() {
	b.checkFileNames("hadoopConf", b.in.HadoopConf)
	b.checkFileNames("sparkConf", b.in.SparkConf)
	b.hadoop = map[string]string{}
	files, final := b.hadoopFiles(), map[string]bool{}
	for _, name := range siteFiles {
		data, ok := files[name]
		if !ok {
			continue
		}
		properties, err := hadoop.Parse(name, data, nil)
		if err != nil {
			b.problemf("hadoopConf: %v", err)
			continue
		}
		for _, p := range properties {
			if final[p.Name] {
				continue
			}
			b.hadoop[p.Name] = p.Value
			final[p.Name] = p.Final
		}
	}
	if b.hadoop["fs.defaultFS"] == "" && !b.populatesHadoop() {
		b.problemf("hadoopConf: has no fs.defaultFS; containers read where the cluster is from core-site.xml and yarn-site.xml")
	}
	for _, overlay := range hadoopOverlays {
		for key, value := range b.conf.values {
			if name, ok := strings.CutPrefix(key, overlay.prefix); ok && name != "" {
				b.hadoop[overlay.instead+name] = value
			}
		}
	}
}

// writeHadoop writes a Hadoop configuration, sorted by name. What XML cannot carry is
// left out; it is in the Spark configuration too.
func writeHadoop(properties map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8" standalone="no"?>` + "\n<configuration>\n")
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		value := properties[name]
		if !rm.ValidText(name) || !rm.ValidText(value) {
			continue
		}
		b.WriteString("<property><name>")
		_ = xml.EscapeText(&b, []byte(name)) // writes to memory
		b.WriteString("</name><value>")
		_ = xml.EscapeText(&b, []byte(value))
		b.WriteString("</value></property>\n")
	}
	b.WriteString("</configuration>\n")
	return b.Bytes()
}
