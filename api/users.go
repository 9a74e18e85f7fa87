package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/stoker-spark/stoker/job"
)

// Role is what a user may do.
type Role string

// The roles.
const (
	// RoleUser submits jobs, and sees and touches its own.
	RoleUser Role = "user"
	// RoleAdmin sees and touches all.
	RoleAdmin Role = "admin"
	// RoleModelManage tells of jobs at model-manage.
	RoleModelManage Role = "model-manage"
	// RoleMetrics reads metrics.
	RoleMetrics Role = "metrics"
)

func roles() []Role { return []Role{RoleUser, RoleAdmin, RoleModelManage, RoleMetrics} }

// User is who makes a request.
type User struct {
	Name  string
	Roles []Role
}

// Has reports whether the user has one of some roles.
func (u User) Has(any ...Role) bool {
	return slices.ContainsFunc(any, func(r Role) bool { return slices.Contains(u.Roles, r) })
}

// local is everybody where no users are configured, which is on loopback only.
var local = User{Name: "local", Roles: []Role{RoleUser, RoleAdmin, RoleModelManage, RoleMetrics}}

// usersFile is the content of the file of users:
//
//	users:
//	  - name: ana
//	    roles: [user]
//	    tokens: ["sha256:<hex of the token's SHA-256>"]
//
// Tokens are long and random ("stoker admin token" makes one), so their digests tell
// nobody anything.
type usersFile struct {
	Users []struct {
		Name   string   `yaml:"name"`
		Roles  []Role   `yaml:"roles"`
		Tokens []string `yaml:"tokens"`
	} `yaml:"users"`
}

var (
	userName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`)
	tokenDigest = regexp.MustCompile(`^sha256:([0-9a-f]{64})$`)
)

// TokenDigest is how a token stands in the file of users.
func TokenDigest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// quoted is what a YAML error repeats of the file, and lengthy what is long enough to be a
// token: it may be one that stands in a wrong place.
var (
	quoted  = regexp.MustCompile("`[^`]*`")
	lengthy = regexp.MustCompile(`[^\s"]{32,}`)
)

// secretless is a text without what may be a token.
func secretless(text string) string {
	return lengthy.ReplaceAllString(quoted.ReplaceAllString(text, "…"), "…")
}

// parseUsers reads the users by the digests of their tokens.
func parseUsers(data []byte) (map[string]User, error) {
	var content usersFile
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&content); err != nil {
		return nil, job.Invalid("the file of users cannot be read", []string{job.OneLine(secretless(job.Head(err.Error(), job.MaxMessage)))})
	}
	var problems []string
	addf := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	users, names := map[string]User{}, map[string]bool{}
	for i, u := range content.Users {
		at := fmt.Sprintf("users[%d]", i)
		if !userName.MatchString(u.Name) {
			addf("%s.name: must be letters, digits and . _ @ -, at most 100, got %q", at, secretless(job.Head(u.Name, 100)))
		}
		if names[u.Name] {
			addf("%s.name: %s is there twice", at, secretless(u.Name))
		}
		names[u.Name] = true
		if len(u.Roles) == 0 {
			addf("%s.roles: at least one is needed; there are %v", at, roles())
		}
		for _, r := range u.Roles {
			if !slices.Contains(roles(), r) {
				addf("%s.roles: there is no %q; there are %v", at, secretless(job.Head(string(r), 50)), roles())
			}
		}
		if len(u.Tokens) == 0 {
			addf("%s.tokens: at least one is needed; \"stoker admin token\" makes one", at)
		}
		for j, digest := range u.Tokens {
			m := tokenDigest.FindStringSubmatch(digest)
			switch {
			case m == nil: // not repeated: it may be the token itself
				addf("%s.tokens[%d]: must be sha256: and 64 hex digits, the digest of a token and not the token", at, j)
			case users[digest].Name != "":
				addf("%s.tokens[%d]: belongs to %s already", at, j, secretless(users[digest].Name))
			default:
				users[digest] = User{Name: u.Name, Roles: u.Roles}
			}
		}
	}
	if len(users) == 0 && len(problems) == 0 {
		addf("users: there is none")
	}
	if len(problems) > 0 {
		return nil, job.Invalid("the file of users is wrong", problems)
	}
	return users, nil
}

// rereadAfter is how old what was read of the file may be: a token that is taken out of
// it stops working without a restart.
const rereadAfter = 2 * time.Second

// directory is the users of the file, as it is now.
type directory struct {
	path string
	warn func(error)

	mu     sync.Mutex
	users  map[string]User
	read   time.Time
	stamp  time.Time
	size   int64
	failed bool
}

// openDirectory reads the file of users; "" is no file.
func openDirectory(path string, warn func(error)) (*directory, error) {
	d := &directory{path: path, warn: warn}
	if path == "" {
		return d, nil
	}
	return d, d.reload()
}

func (d *directory) reload() error {
	info, err := os.Stat(d.path)
	if err != nil {
		return fmt.Errorf("read the file of users (api.usersFile): %w", err)
	}
	d.read = time.Now()
	if d.users != nil && info.ModTime().Equal(d.stamp) && info.Size() == d.size {
		return nil
	}
	data, err := os.ReadFile(d.path)
	if err != nil {
		return fmt.Errorf("read the file of users (api.usersFile): %w", err)
	}
	users, err := parseUsers(data)
	if err != nil {
		return err
	}
	d.users, d.stamp, d.size = users, info.ModTime(), info.Size()
	return nil
}

// open reports whether there are no users, so that everybody may do everything.
func (d *directory) open() bool { return d.path == "" }

// user finds who has a token. A file that cannot be read any more leaves the users that
// were read last.
func (d *directory) user(token string) (User, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.read) > rereadAfter {
		if err := d.reload(); err != nil {
			d.read = time.Now()
			if !d.failed {
				d.warn(err)
			}
			d.failed = true
		} else {
			d.failed = false
		}
	}
	u, ok := d.users[TokenDigest(token)]
	return u, ok
}
