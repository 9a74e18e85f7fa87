package submission

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// Limits that a ResourceManager sets by default.
const (
	maxTags       = 10
	maxTagLength  = 100
	maxTypeLength = 20
)

// identity checks who submits, as what and where.
func (b *builder) identity() {
	if !rm.ValidID(b.in.ID) {
		b.problemf("id: %s is no id of an application", show(b.in.ID))
	}
	if b.in.User == "" || strings.ContainsFunc(b.in.User, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(",/@\"'$`\\", r)
	}) {
		b.problemf("user: %s is no short user name", show(b.in.User))
	}
	if b.in.MaxAttempts < 0 {
		b.problemf("maxAttempts: %d is less than 1", b.in.MaxAttempts)
	}
	if b.in.FailuresValidity < 0 || b.in.FailuresValidity%time.Millisecond != 0 {
		b.problemf("failuresValidity: %s is no whole number of milliseconds", b.in.FailuresValidity)
	}
	if b.in.SubmitTime.UnixMilli() <= 0 {
		b.problemf("submitTime: is not set")
	}
	b.stagingDir()
}

func (b *builder) stagingDir() {
	l, err := parseLocation(strings.TrimRight(b.in.StagingDir, "/"))
	switch {
	case err != nil:
		b.problemf("stagingDir: %s %v", show(b.in.StagingDir), err)
	case l.isLocal(), l.fragment != "", path.Dir(l.path) == "/":
		b.problemf("stagingDir: %s is no directory for one application", show(b.in.StagingDir))
	case !plainWord.MatchString(l.path) || strings.Contains(l.path, ","):
		b.problemf("stagingDir: %s has characters other than letters, digits and _@%%+=:./-", show(b.in.StagingDir))
	default:
		b.staging = l.String()
	}
}

// describe fills the request's description of the application from the settings.
func (b *builder) describe() {
	r := &b.request
	r.ID = b.in.ID
	r.Name, _ = b.conf.raw("spark.app.name")
	r.Queue = b.conf.text("spark.yarn.queue")
	if r.Queue == "" {
		r.Queue = "default"
	}
	r.Type = b.conf.text("spark.yarn.applicationType")
	if r.Type == "" {
		r.Type = "SPARK"
	}
	if len(r.Type) > maxTypeLength {
		b.problemf("spark.yarn.applicationType: %s is longer than %d characters", show(r.Type), maxTypeLength)
	}
	b.word("spark.app.name", r.Name)
	b.word("spark.yarn.queue", r.Queue)
	b.word("spark.yarn.applicationType", r.Type)
	r.Tags = b.conf.list("spark.yarn.tags")
	b.tags(r.Tags)
	// Without one, REST means -1, which comes after every application that was
	// submitted otherwise.
	priority := b.conf.integer("spark.yarn.priority", 0, 0)
	r.Priority = &priority
	r.MaxAttempts = b.conf.integer("spark.yarn.maxAppAttempts", 1, 1)
	r.NodeLabel = b.in.NodeLabel
	r.AMNodeLabel = b.conf.text("spark.yarn.am.nodeLabelExpression")
	b.word("nodeLabel", r.NodeLabel)
	b.word("spark.yarn.am.nodeLabelExpression", r.AMNodeLabel)
	b.failuresValidity()
	include, exclude := b.conf.text("spark.yarn.rolledLog.includePattern"), b.conf.text("spark.yarn.rolledLog.excludePattern")
	b.word("spark.yarn.rolledLog.includePattern", include)
	b.word("spark.yarn.rolledLog.excludePattern", exclude)
	if include != "" {
		r.LogAggregation = &rm.LogAggregation{RolledInclude: include, RolledExclude: exclude}
	}
	r.Container.Credentials = b.in.Credentials
	r.Container.ACLs = b.acls()
}

// word refuses what YARN would keep, but not show as it is.
func (b *builder) word(field, value string) {
	if strings.ContainsFunc(value, unicode.IsControl) || !rm.ValidText(value) {
		b.problemf("%s: %s has control characters", field, show(value))
	}
}

func (b *builder) failuresValidity() {
	const key = "spark.yarn.am.attemptFailuresValidityInterval"
	v, ok := b.conf.get(key)
	if !ok {
		return
	}
	d, err := ParseDuration(v, time.Millisecond)
	if err == nil && d < time.Millisecond {
		err = fmt.Errorf("is less than a millisecond")
	}
	if err != nil {
		b.problemf("%s: %s %v", key, show(v), err)
	}
	b.request.AttemptFailuresValidity = d.Milliseconds()
}

func (b *builder) tags(tags []string) {
	if len(tags) > maxTags {
		b.problemf("spark.yarn.tags: %d tags, YARN allows %d", len(tags), maxTags)
	}
	for _, tag := range tags {
		isOdd := strings.ContainsFunc(tag, func(r rune) bool { return r < ' ' || r > '~' })
		if isOdd || len(tag) > maxTagLength {
			b.problemf("spark.yarn.tags: %s is no tag; one has at most %d printable ASCII characters", show(tag), maxTagLength)
		}
	}
}

// acls are YARN's "user,user group,group"; the user and the administrators are
// always among them.
func (b *builder) acls() rm.Map[string] {
	admins, adminGroups := b.conf.list("spark.admin.acls"), b.conf.list("spark.admin.acls.groups")
	acl := func(usersKey string, users []string, groupsKey string, groups []string) string {
		u := joinACL(admins, []string{b.in.User}, b.conf.list(usersKey), users)
		g := joinACL(adminGroups, b.conf.list(groupsKey), groups)
		return u + " " + g
	}
	result := rm.Map[string]{
		"VIEW_APP":   acl("spark.ui.view.acls", b.in.ACLs.ViewUsers, "spark.ui.view.acls.groups", b.in.ACLs.ViewGroups),
		"MODIFY_APP": acl("spark.modify.acls", b.in.ACLs.ModifyUsers, "spark.modify.acls.groups", b.in.ACLs.ModifyGroups),
	}
	for _, list := range result {
		if strings.Count(list, " ") != 1 || !rm.ValidText(list) || strings.ContainsFunc(list, unicode.IsControl) {
			b.problemf("acls: %s has a name with a space or a control character", show(list))
		}
	}
	return result
}

// joinACL joins names without repetition; YARN reads "*" only alone.
func joinACL(lists ...[]string) string {
	var names []string
	for _, name := range slices.Concat(lists...) {
		if name == "*" {
			return "*"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

func itoa(n int) string { return strconv.Itoa(n) }
