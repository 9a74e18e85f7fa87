package modelmanage

import (
	"regexp"
	"strings"
)

// module is what Stoker reads from a model's source text: enough to find its
// functions, far from all of Python. In doubt a name counts as bound: a wrong
// refusal would stop a good job, a wrong pass only delays the same error.
type module struct {
	// names bound at module level.
	names map[string]bool
	// unknowable: names may be bound in ways that no reading shows.
	unknowable bool
	// comments maps a role ("score") to the smart comment that names it.
	comments map[string]smartComment
}

type smartComment struct {
	// text without '#': "modelop.score".
	text string
	// function below the comment.
	function string
}

func (m module) binds(name string) bool { return m.unknowable || m.names[name] }

// identifier of Python, near enough.
const identifier = `[\p{L}_][\p{L}\p{N}\p{M}_]*`

var (
	identifierPattern = regexp.MustCompile(`^` + identifier + `$`)
	namePattern       = regexp.MustCompile(identifier)
	definition        = regexp.MustCompile(`^(?:async\s+)?(def|class)\s+(` + identifier + `)`)
	walrus            = regexp.MustCompile(`(` + identifier + `)\s*:=`)
	alias             = regexp.MustCompile(`\bas\s+\(?\s*(` + identifier + `(?:\s*,\s*` + identifier + `)*)`)
	fromImport        = regexp.MustCompile(`^from\b.*?\bimport\b(.*)$`)
	// dynamic code that binds names where no reading sees it.
	dynamic = regexp.MustCompile(`\b(exec|execfile|globals|locals|vars)\s*\(|\bsys\s*\.\s*modules\b`)
	smart   = regexp.MustCompile(`(?i)^#+\s*(modelop\.(init|score|metrics|train)|fastscore\.(action))(\.[0-9]+)?\s*:?\s*$`)
)

var compound = map[string]bool{
	"if": true, "elif": true, "else": true, "while": true, "for": true, "try": true, "except": true,
	"finally": true, "with": true, "match": true, "case": true,
}

var keywords = map[string]bool{
	"False": true, "None": true, "True": true, "and": true, "as": true, "assert": true, "async": true, "await": true,
	"break": true, "class": true, "continue": true, "def": true, "del": true, "elif": true, "else": true,
	"except": true, "finally": true, "for": true, "from": true, "global": true, "if": true, "import": true,
	"in": true, "is": true, "lambda": true, "nonlocal": true, "not": true, "or": true, "pass": true, "raise": true,
	"return": true, "try": true, "while": true, "with": true, "yield": true,
}

// isFunctionName reports whether Python could call something by this name.
func isFunctionName(s string) bool {
	return len(s) <= 500 && identifierPattern.MatchString(s) && !keywords[s]
}

// readModule reads a source text.
func readModule(source string) module {
	lines, whole := scanPython(source)
	m := module{names: map[string]bool{}, unknowable: !whole, comments: map[string]smartComment{}}
	body := -1 // indentation of the def or class that the line may be inside of
	var pending []string
	for _, l := range lines {
		if l.comment != "" {
			pending = append(pending, l.comment)
			continue
		}
		if dynamic.MatchString(l.text) {
			m.unknowable = true
		}
		if body >= 0 && l.indent > body {
			if rest, ok := strings.CutPrefix(l.text, "global "); ok {
				m.bind(rest)
			}
			pending = nil
			continue
		}
		body = -1
		if strings.HasPrefix(l.text, "@") {
			continue
		}
		if d := definition.FindStringSubmatch(l.text); d != nil {
			body = l.indent
			m.names[d[2]] = true
			if d[1] == "def" {
				m.assign(pending, d[2])
			}
			if d[2] == "__getattr__" {
				m.unknowable = true
			}
		} else {
			m.statement(l.text)
		}
		pending = nil
	}
	return m
}

// assign gives the roles in comments to the function below them; the first one
// in the file keeps a role.
func (m *module) assign(comments []string, function string) {
	for _, c := range comments {
		g := smart.FindStringSubmatch(c)
		if g == nil {
			continue
		}
		role := strings.ToLower(g[2])
		if g[3] != "" {
			role = "score"
		}
		if _, taken := m.comments[role]; !taken {
			m.comments[role] = smartComment{text: strings.ToLower(g[1]), function: function}
		}
	}
}

// bind binds every name in a text.
func (m *module) bind(text string) {
	for _, n := range namePattern.FindAllString(text, -1) {
		m.names[n] = true
	}
}

// statement binds what one logical line at module level binds.
func (m *module) statement(text string) {
	for _, g := range walrus.FindAllStringSubmatch(text, -1) {
		m.names[g[1]] = true
	}
	for part := range strings.SplitSeq(text, ";") {
		m.simple(strings.TrimSpace(part))
	}
}

// maxNesting bounds "if a: if b: …" on one line, which Python does not know
// anyway.
const maxNesting = 5

func (m *module) simple(text string) {
	for range maxNesting {
		text = strings.TrimSpace(strings.TrimPrefix(text, "async "))
		word := namePattern.FindString(text)
		if !strings.HasPrefix(text, word) || !compound[word] {
			break
		}
		colon := topLevel(text, ':')
		if colon < 0 {
			break
		}
		header := text[len(word):colon]
		if rest := strings.TrimSpace(header); (word == "match" || word == "case") && rest == "" {
			break // a variable of that name, annotated
		}
		switch word {
		case "for":
			target, _, _ := strings.Cut(header, " in ")
			m.bind(target)
		case "with", "except":
			for _, g := range alias.FindAllStringSubmatch(header, -1) {
				m.bind(g[1])
			}
		case "case":
			m.bind(header)
		}
		text = strings.TrimSpace(text[colon+1:])
	}
	m.leaf(text)
}

// leaf binds what a simple statement binds.
func (m *module) leaf(text string) {
	if d := definition.FindStringSubmatch(text); d != nil {
		m.names[d[2]] = true
		return
	}
	if rest, ok := cutWord(text, "import"); ok {
		m.imports(rest, false)
		return
	}
	if g := fromImport.FindStringSubmatch(text); g != nil {
		m.imports(strings.Trim(strings.TrimSpace(g[1]), "()"), true)
		return
	}
	if rest, ok := cutWord(text, "type"); ok {
		if name := namePattern.FindString(rest); name != "" {
			m.names[name] = true
		}
	}
	m.targets(text)
}

func (m *module) imports(list string, from bool) {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if from && item == "*" {
			m.unknowable = true
		}
		if _, as, ok := strings.Cut(item, " as "); ok {
			item = strings.TrimSpace(as)
		} else if !from {
			item, _, _ = strings.Cut(item, ".")
		}
		if name := namePattern.FindString(item); name != "" {
			m.names[name] = true
		}
	}
}

// targets binds every name left of an assignment's '='; of "a[b] = c" that is
// more than Python binds, which does no harm.
func (m *module) targets(text string) {
	for {
		at := assignment(text)
		if at < 0 {
			return
		}
		target := text[:at]
		if colon := topLevel(target, ':'); colon >= 0 {
			target = target[:colon]
		}
		m.bind(target)
		text = text[at+1:]
	}
}

// assignment finds a '=' outside brackets that assigns: no comparison and no +=.
func assignment(text string) int {
	from := 0
	for {
		i := topLevel(text[from:], '=')
		if i < 0 {
			return -1
		}
		i += from
		switch {
		case i+1 < len(text) && text[i+1] == '=':
			from = i + 2
		case i > 0 && strings.IndexByte("!<>+-*/%&|^@:=", text[i-1]) >= 0:
			from = i + 1
		default:
			return i
		}
	}
}

// topLevel finds a byte outside brackets, -1 if there is none.
func topLevel(text string, b byte) int {
	depth := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth = max(0, depth-1)
		case c == b && depth == 0:
			return i
		}
	}
	return -1
}

func cutWord(text, word string) (string, bool) {
	rest, ok := strings.CutPrefix(text, word)
	if !ok || rest == "" || rest[0] != ' ' && rest[0] != '\t' {
		return "", false
	}
	return strings.TrimSpace(rest), true
}

// pythonLine is a logical line, or a line that holds a comment only.
type pythonLine struct {
	indent int
	// text of the code: literals emptied, comments gone, continued lines joined.
	text string
	// comment is "#…" for a comment line.
	comment string
}

// scanPython cuts a source text into logical lines; whole is false when a literal or
// bracket is not closed, so that the lines are a guess.
func scanPython(source string) (lines []pythonLine, whole bool) {
	source = strings.TrimPrefix(source, "\ufeff")
	source = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source)
	s := pythonScanner{source: source, whole: true}
	for s.at < len(s.source) {
		s.line()
	}
	return s.lines, s.whole
}

type pythonScanner struct {
	source string
	at     int
	lines  []pythonLine
	whole  bool
}

// line reads one logical line, comment line or blank line.
func (s *pythonScanner) line() {
	indent := s.indentation()
	if s.at < len(s.source) && s.source[s.at] == '#' {
		s.lines = append(s.lines, pythonLine{indent: indent, comment: s.restOfLine()})
		return
	}
	text := strings.TrimSpace(s.code())
	if text != "" {
		s.lines = append(s.lines, pythonLine{indent: indent, text: text})
	}
}

func (s *pythonScanner) indentation() int {
	n := 0
	for ; s.at < len(s.source); s.at++ {
		switch s.source[s.at] {
		case ' ':
			n++
		case '\t':
			n += 8 - n%8
		case '\f':
			n = 0
		default:
			return n
		}
	}
	return n
}

// restOfLine reads to the line's end and past its line break.
func (s *pythonScanner) restOfLine() string {
	rest := s.source[s.at:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		s.at += i + 1
		return rest[:i]
	}
	s.at = len(s.source)
	return rest
}

// code reads the code of one logical line.
func (s *pythonScanner) code() string {
	var b strings.Builder
	depth := 0
	for s.at < len(s.source) {
		switch c := s.source[s.at]; c {
		case '\n':
			s.at++
			if depth == 0 {
				return b.String()
			}
			b.WriteByte(' ')
		case '#':
			s.restOfLine()
			if depth == 0 {
				return b.String()
			}
			b.WriteByte(' ')
		case '\\':
			s.at++
			if s.at < len(s.source) && s.source[s.at] == '\n' {
				s.at++
			}
			b.WriteByte(' ')
		case '"', '\'':
			s.literal(c)
			b.WriteString(`""`)
		default:
			if strings.IndexByte("([{", c) >= 0 {
				depth++
			} else if strings.IndexByte(")]}", c) >= 0 {
				depth = max(0, depth-1)
			}
			b.WriteByte(c)
			s.at++
		}
	}
	s.whole = s.whole && depth == 0
	return b.String()
}

// literal skips a string, which begins at a quote.
func (s *pythonScanner) literal(quote byte) {
	end := string(quote)
	triple := strings.Repeat(end, 3)
	long := strings.HasPrefix(s.source[s.at:], triple)
	if long {
		end = triple
	}
	s.at += len(end)
	for s.at < len(s.source) {
		switch {
		case strings.HasPrefix(s.source[s.at:], end):
			s.at += len(end)
			return
		case s.source[s.at] == '\\':
			s.at = min(len(s.source), s.at+2)
		case s.source[s.at] == '\n' && !long:
			s.whole = false
			return
		default:
			s.at++
		}
	}
	s.whole = false
}
