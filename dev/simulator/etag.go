package simulator

import (
	"strconv"
	"strings"
)

// etag is how Spring Data REST names a version.
func etag(version int64) string { return quoteETag(strconv.FormatInt(version, 10)) }

// etagHolds reports whether an If-Match or If-None-Match names version. Spring
// compares what is between the quotes and takes it without quotes as well.
func etagHolds(header string, version int64) bool {
	value := unquoteETag(header)
	return value == "*" || value == strconv.FormatInt(version, 10)
}

// echoedETag is the ETag of a 412: what the client sent, not the current version,
// so that the client has to read the job again to learn it.
func echoedETag(header string) string { return quoteETag(unquoteETag(header)) }

func quoteETag(value string) string { return `"` + value + `"` }

func unquoteETag(header string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(header), "W/"), `"`)
}
