package store

import (
	"crypto/rand"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// TempName returns a new name beside a path for what will be renamed to it:
// ".<name>.tmp-<random>". Spark doesn't read names that begin with a dot. It is
// at most 222 bytes long; file systems allow 255.
func TempName(p string) string {
	dir, name := path.Split(p)
	const most = 200
	if len(name) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = name[:cut]
	}
	return dir + "." + name + ".tmp-" + strings.ToLower(rand.Text()[:16])
}

var tempName = regexp.MustCompile(`^\..*\.tmp-[0-9a-z]{16}$`)

// IsTempName reports whether a name, without its directory, is one of TempName's.
func IsTempName(name string) bool { return tempName.MatchString(name) }
