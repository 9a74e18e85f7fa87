package submission

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/properties"
)

// logConfigs are the files of Spark's configuration directory that containers find on
// their class path.
var logConfigs = []string{
	"log4j2.yaml", "log4j2.yml", "log4j2.json", "log4j2.jsn", "log4j2.xml", "log4j2.properties", "metrics.properties",
}

// archive writes the archive of configuration files.
func (b *builder) archive() ([]byte, error) {
	var a archive
	for _, name := range logConfigs {
		if data, ok := b.in.SparkConf[name]; ok {
			a.add(name, data)
		}
	}
	a.add(dirHadoop+"/", nil)
	files := b.hadoopFiles()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		a.add(dirHadoop+"/"+name, files[name])
	}
	conf, hadoop := b.revealed()
	a.add(fileHadoop, writeHadoop(hadoop))
	a.add(fileConf, properties.Write("Spark configuration.", conf))
	a.add(fileCache, properties.Write("Spark configuration.", b.cacheProperties()))
	data, err := a.close()
	if err != nil {
		return nil, job.Errorf(job.CodeInternal, "write the archive of configuration files: %w", err)
	}
	return data, nil
}

// hadoopFiles are those of the Hadoop configuration, with the *.xml of Spark's in
// front of them.
func (b *builder) hadoopFiles() map[string][]byte {
	files := maps.Clone(b.in.HadoopConf)
	if files == nil {
		files = map[string][]byte{}
	}
	for name, data := range b.in.SparkConf {
		if strings.HasSuffix(name, ".xml") {
			files[name] = data
		}
	}
	return files
}

// checkFileNames refuses names that would lie elsewhere.
func (b *builder) checkFileNames(field string, files map[string][]byte) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == "" || name == "." || name == ".." || path.Base(name) != name || strings.ContainsRune(name, '\\') ||
			!utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			b.problemf("%s: %s is no file name", field, show(name))
		}
	}
}

// archive is a zip of stored files. Sizes stand in front of the contents, since
// Java reads stored files no other way from a stream.
type archive struct {
	buffer bytes.Buffer
	zip    *zip.Writer
	err    error
}

// firstDay is every file's date, 1980-01-01 in DOS's form: the same input gives the
// same bytes.
const firstDay = 1<<5 + 1

func (a *archive) add(name string, data []byte) {
	if a.err != nil {
		return
	}
	if a.zip == nil {
		a.zip = zip.NewWriter(&a.buffer)
	}
	h := &zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
	}
	h.SetMode(0o600)
	if strings.HasSuffix(name, "/") {
		h.SetMode(0o700)
	}
	h.ModifiedDate = firstDay //nolint:staticcheck // Modified does nothing in a raw entry
	if !isASCII(name) {
		h.Flags |= 0x800
	}
	w, err := a.zip.CreateRaw(h)
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		a.err = fmt.Errorf("%s: %w", name, err)
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func (a *archive) close() ([]byte, error) {
	if a.err != nil {
		return nil, a.err
	}
	if err := a.zip.Close(); err != nil {
		return nil, err
	}
	return a.buffer.Bytes(), nil
}
