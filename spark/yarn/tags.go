package yarn

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark/options"
	"github.com/stoker-spark/stoker/spark/yarn/rm"
)

// Tags say whose an application is. ResourceManagers take ten of a hundred
// characters and make them lower-case, so a name that would not survive that
// goes in base32, in pieces.
const (
	tagAttempt  = options.TagPrefix + "job-"   // <name>.<attempt>
	tagPiece    = options.TagPrefix + "job32-" // <n>-<piece of name.attempt in base32>
	maxTag      = 100
	pieceLength = 80
)

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ClusterTag marks every application of a cluster of an installation. Two clusters of a
// configuration may lead to one ResourceManager, each with a root of its own: what has no
// directory in the one may have one in the other.
func ClusterTag(installation, cluster string) string {
	tag := options.TagPrefix + installation + ":" + cluster // no name holds a ':'
	if !plainTag(installation) || !plainTag(cluster) || len(tag) > maxTag {
		sum := sha256.Sum256([]byte(installation + "\x00" + cluster))
		tag = options.TagPrefix + ":" + base32Lower.EncodeToString(sum[:])
	}
	return tag
}

func (m *Manager) clusterTag() string { return ClusterTag(m.opts.Installation, m.opts.Cluster) }

// formerTag marks the applications of all clusters of an installation: for people, and for
// workers of a version that knows no other. Those that have no other but have a directory
// here are ours.
func (m *Manager) formerTag() string {
	name := m.opts.Installation
	if !plainTag(name) || len(options.TagPrefix)+len(name) > maxTag {
		name = base32Lower.EncodeToString([]byte(name))
		name = name[:min(len(name), pieceLength)]
	}
	return options.TagPrefix + name
}

// marks say whose an attempt's application is. YARN takes ten tags, of which a job may
// have five and its launch one: one with a long name does without the one for all clusters.
func (m *Manager) marks(attempt job.Attempt) []string {
	tags := append(attemptTags(attempt), m.clusterTag())
	if len(tags) > 3 {
		return tags
	}
	return append(tags, m.formerTag())
}

// mine reports whether an application says of itself that it is of this cluster and
// installation.
func (m *Manager) mine(app rm.Application) bool { return slices.Contains(app.Tags, m.clusterTag()) }

// anothers reports whether an application says that it is of another cluster.
func (m *Manager) anothers(app rm.Application) bool {
	return !m.mine(app) && slices.ContainsFunc(app.Tags, func(tag string) bool {
		return strings.HasPrefix(tag, options.TagPrefix) && strings.Contains(tag, ":")
	})
}

// attemptTags name the attempt that an application belongs to.
func attemptTags(attempt job.Attempt) []string {
	name := attempt.Job + "." + strconv.Itoa(attempt.Number)
	if plainTag(name) && len(tagAttempt)+len(name) <= maxTag {
		return []string{tagAttempt + name}
	}
	encoded := base32Lower.EncodeToString([]byte(name))
	var tags []string
	for piece := range slices.Chunk([]byte(encoded), pieceLength) {
		tags = append(tags, fmt.Sprintf("%s%d-%s", tagPiece, len(tags), piece))
	}
	return tags
}

// forged is the first of a list of tags that would pass for one of Stoker's, "" if none
// does. A job's own are looked at when it is taken; this is for what a cluster's
// configuration says.
func forged(list string) string {
	for tag := range strings.SplitSeq(list, ",") {
		if options.ForgesTag(tag) {
			return strings.TrimSpace(tag)
		}
	}
	return ""
}

// plainTag: a tag of these characters comes back as it was sent.
func plainTag(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

// attemptOf reads which attempt an application belongs to.
func attemptOf(app rm.Application) (job.Attempt, bool) {
	var pieces [10]string
	name := ""
	for _, tag := range app.Tags {
		if plain, ok := strings.CutPrefix(tag, tagAttempt); ok {
			name = plain
		}
		rest, ok := strings.CutPrefix(tag, tagPiece)
		if !ok {
			continue
		}
		number, piece, _ := strings.Cut(rest, "-")
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < len(pieces) {
			pieces[n] = piece
		}
	}
	if encoded := strings.Join(pieces[:], ""); name == "" && encoded != "" {
		decoded, err := base32Lower.DecodeString(encoded)
		if err != nil {
			return job.Attempt{}, false
		}
		name = string(decoded)
	}
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 {
		return job.Attempt{}, false
	}
	number, err := strconv.Atoi(name[dot+1:])
	if err != nil || number < 1 {
		return job.Attempt{}, false
	}
	return job.AttemptOf(name[:dot], number), true
}

// ours reports whether an application is the attempt's.
func ours(app rm.Application, attempt job.Attempt) bool {
	for _, tag := range attemptTags(attempt) {
		if !slices.Contains(app.Tags, tag) {
			return false
		}
	}
	return true
}
