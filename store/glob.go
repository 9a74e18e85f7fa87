package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// mostAlternatives bounds what braces with slashes in them expand to.
const mostAlternatives = 1024

// Tree is what Glob needs of a Store.
type Tree interface {
	Stat(ctx context.Context, path string) (Info, error)
	List(ctx context.Context, dir string) ([]Info, error)
}

// Glob does a Store's Glob by listing directories. It does as Hadoop's
// FileSystem.globStatus does, quirks included, because Spark will read what
// that finds: a name is matched by a regular expression made as Hadoop's
// GlobPattern makes it, in the same dialect (Hadoop uses RE2, too).
//
//   - '*' also matches names that begin with '.' or '_'. (Spark then leaves such
//     names out when it reads, so a match of these alone reads as empty.)
//   - "**" is no more than '*'. No wildcard matches a '/'.
//   - "[!a]" means the same as "[^a]".
//   - Braces nest, and may hold slashes: "{a/x,b/y}".
//   - A segment without a wildcard is looked up, not listed, so that its parent
//     need not be readable.
//   - '\' before a character takes its meaning away; before a letter in a segment
//     with wildcards it has RE2's meaning ("\d" is a digit).
//
// A pattern that Hadoop would refuse is an error of code invalid.
func Glob(ctx context.Context, tree Tree, pattern string) ([]Info, error) {
	if err := CheckPath(pattern); err != nil {
		return nil, err
	}
	if hasDotDot(pattern) {
		return nil, badPattern(pattern, `has a ".." segment`)
	}
	plain, err := expandSlashed(pattern)
	if err != nil {
		return nil, err
	}
	found := map[string]Info{}
	for _, p := range plain {
		if err := globOne(ctx, tree, p, found); err != nil {
			return nil, err
		}
	}
	infos := make([]Info, 0, len(found))
	for _, info := range found {
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Path, b.Path) })
	return infos, nil
}

// CheckPath refuses, with code invalid, what no Store takes as a path: one that
// is not absolute, holds a NUL or has a ".." segment.
func CheckPath(path string) error {
	switch {
	case !strings.HasPrefix(path, "/"):
		return job.Errorf(job.CodeInvalid, "path %s: is not absolute", quote(path))
	case strings.IndexByte(path, 0) >= 0:
		return job.Errorf(job.CodeInvalid, "path %s: holds a NUL", quote(path))
	case slices.Contains(strings.Split(path, "/"), ".."):
		return job.Errorf(job.CodeInvalid, `path %s: has a ".." segment`, quote(path))
	}
	return nil
}

func badPattern(pattern, why string) error {
	return job.Errorf(job.CodeInvalid, `pattern %s: %s; put a '\' before each of * ? [ { that is part of a name`, quote(pattern), why)
}

// globOne matches a pattern whose braces hold no slashes, segment by segment.
func globOne(ctx context.Context, tree Tree, pattern string, found map[string]Info) error {
	candidates := []Info{{Path: "/", Dir: true}}
	seen := true // the candidates are known to be there
	for segment := range strings.SplitSeq(tidy(pattern)[1:], "/") {
		if segment == "" { // the root itself
			break
		}
		match, err := segmentMatcher(pattern, segment)
		if err != nil {
			return err
		}
		var next []Info
		for _, c := range candidates {
			if err := ctx.Err(); err != nil {
				return err
			}
			if seen && !c.Dir {
				continue // nothing is below a file
			}
			if match == nil {
				// There or not is found out by the next listing or by the last look.
				next = append(next, Info{Path: strings.TrimSuffix(c.Path, "/") + "/" + unescape(segment), Dir: true})
				continue
			}
			entries, err := listDir(ctx, tree, c.Path, seen)
			if err != nil {
				return err
			}
			for _, e := range entries {
				if match.MatchString(e.Path[strings.LastIndexByte(e.Path, '/')+1:]) {
					next = append(next, e)
				}
			}
		}
		candidates, seen = next, match != nil
	}
	for _, c := range candidates {
		if !seen || c.Path == "/" {
			info, err := tree.Stat(ctx, c.Path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			c = info
		}
		found[c.Path] = c
	}
	return nil
}

// listDir lists a directory that may be missing, or a file after all.
func listDir(ctx context.Context, tree Tree, dir string, known bool) ([]Info, error) {
	if !known {
		info, err := tree.Stat(ctx, dir)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Dir {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	entries, err := tree.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
		return nil, nil
	}
	return entries, err
}

// segmentMatcher is nil for a segment without wildcards.
func segmentMatcher(pattern, segment string) (*regexp.Regexp, error) {
	var re strings.Builder
	wild, braces, set := false, 0, false
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		switch c {
		case '\\':
			if i++; i == len(segment) {
				return nil, badPattern(pattern, `a segment ends in '\'`)
			}
			re.WriteByte('\\')
			c = segment[i]
		case '.', '$', '(', ')', '|', '+':
			re.WriteByte('\\')
		case '*':
			wild = true
			re.WriteByte('.')
		case '?':
			wild = true
			c = '.'
		case '{':
			wild = true
			braces++
			re.WriteString("(?:")
			continue
		case ',':
			if braces > 0 {
				c = '|'
			}
		case '}':
			if braces > 0 {
				braces--
				c = ')'
			}
		case '[':
			if set {
				return nil, badPattern(pattern, "'[' inside brackets")
			}
			wild, set = true, true
		case '^':
			if !set {
				re.WriteByte('\\')
			}
		case '!':
			if set && segment[i-1] == '[' {
				c = '^'
			}
		case ']':
			set = false
		}
		re.WriteByte(c)
	}
	if set || braces > 0 {
		return nil, badPattern(pattern, "a bracket or brace is not closed")
	}
	if !wild {
		return nil, nil //nolint:nilnil // no wildcards, no matcher
	}
	compiled, err := regexp.Compile(`\A(?s:` + re.String() + `)\z`)
	if err != nil {
		return nil, badPattern(pattern, fmt.Sprintf("segment %q can't be read", segment))
	}
	return compiled, nil
}

func unescape(segment string) string {
	var plain strings.Builder
	for i := 0; i < len(segment); i++ {
		if segment[i] == '\\' && i+1 < len(segment) {
			i++
		}
		plain.WriteByte(segment[i])
	}
	return plain.String()
}

// expandSlashed multiplies a pattern out until no braces hold a slash.
func expandSlashed(pattern string) ([]string, error) {
	var plain []string
	for todo := []string{pattern}; len(todo) > 0; {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		from, commas, to := slashedBraces(p)
		if to == 0 {
			plain = append(plain, p)
			continue
		}
		if len(plain)+len(todo)+len(commas) >= mostAlternatives {
			return nil, badPattern(pattern, fmt.Sprintf("its braces make more than %d paths", mostAlternatives))
		}
		start := from + 1
		for _, end := range append(commas, to) {
			todo = append(todo, p[:from]+p[start:end]+p[to+1:])
			start = end + 1
		}
	}
	return plain, nil
}

// slashedBraces finds the first outermost braces with a slash in them and their
// own commas; to is 0 if there are none.
func slashedBraces(p string) (from int, commas []int, to int) {
	depth, slash := 0, false
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '{':
			if depth++; depth == 1 {
				from, commas, slash = i, nil, false
			}
		case ',':
			if depth == 1 {
				commas = append(commas, i)
			}
		case '/':
			slash = slash || depth > 0
		case '}':
			if depth == 0 {
				continue
			}
			if depth--; depth == 0 && slash {
				return from, commas, i
			}
		}
	}
	return 0, nil, 0
}
