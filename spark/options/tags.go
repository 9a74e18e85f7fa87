package options

import (
	"fmt"
	"strings"
)

// TagPrefix begins the tags by which Stoker knows its own applications on YARN. Nobody
// else's do.
const TagPrefix = "stoker-"

const (
	keyTags = "spark.yarn.tags"
	// mostTags leaves room for Stoker's own: YARN takes ten.
	mostTags = 5
	// maxTag is YARN's limit, in bytes.
	maxTag = 100
)

// tagsProblem says why a list of tags cannot be a job's beside its being forged, "" if
// it can. An operator knows the cluster's own limits: a profile's are not counted.
//
// Source: yarn.resourcemanager.application.max-tags and …max-tag.length;
// ApplicationSubmissionContextPBImpl.checkTags takes printable ASCII only.
func tagsProblem(list string) string {
	tags := splitTags(list)
	if len(tags) > mostTags {
		return fmt.Sprintf("are %d tags, more than %d", len(tags), mostTags)
	}
	for _, tag := range tags {
		if len(tag) > maxTag || strings.ContainsFunc(tag, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Sprintf("%s is no tag; one has at most %d printable ASCII characters", show(tag), maxTag)
		}
	}
	return ""
}

// forgery names a tag that would pass for one of Stoker's, "" if there is none.
func forgery(list string) string {
	for _, tag := range splitTags(list) {
		if ForgesTag(tag) {
			return "tag " + show(tag) + " would pass for one of Stoker's own, which begin with " + TagPrefix
		}
	}
	return ""
}

func splitTags(list string) []string {
	var tags []string
	for tag := range strings.SplitSeq(list, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// ForgesTag reports whether a tag would pass for one of Stoker's: YARN makes them
// lower-case.
func ForgesTag(tag string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(tag)), TagPrefix)
}
