package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// terminal is a stream that a person looks at, on which a line can be redrawn.
type terminal struct {
	to io.Writer
	fd int
}

// stderrTerminal is the command's stderr if it is a terminal, nil if not.
func stderrTerminal(cmd *cobra.Command) *terminal { return terminalOf(cmd.ErrOrStderr()) }

// terminalOf is a stream if it is a terminal, nil if not.
func terminalOf(w io.Writer) *terminal {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return &terminal{file, int(file.Fd())}
}

// width in columns.
func (t *terminal) width() int {
	if w, _, err := term.GetSize(t.fd); err == nil && w > 0 {
		return w
	}
	return 80
}

// clearLine goes to the line's begin and deletes it (ECMA-48: CR, EL).
const clearLine = "\r\x1b[K"

// draw replaces the line by another, cut to what fits.
func (t *terminal) draw(line string) {
	_, _ = io.WriteString(t.to, clearLine+fit(line, t.width()-1)) // there is nobody else to tell
}

func (t *terminal) clear() { _, _ = io.WriteString(t.to, clearLine) } // as above

// fit cuts a text to so many characters.
func fit(text string, width int) string {
	runes := []rune(text)
	if width < 1 || len(runes) <= width {
		return text
	}
	return string(runes[:width-1]) + "…"
}

// large is from which size on an upload shows its progress, in bytes.
const large = 8 << 20

// sendProgress shows how far the upload of a large file is.
type sendProgress struct {
	terminal *terminal
	name     string
	total    int64

	mu   sync.Mutex
	done int64
	next time.Time
}

func newSendProgress(cmd *cobra.Command, name string, total int64) *sendProgress {
	p := &sendProgress{name: plainLine(name), total: total}
	if total >= large {
		p.terminal = stderrTerminal(cmd)
	}
	return p
}

func (p *sendProgress) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = 0
}

func (p *sendProgress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += int64(n)
	if now := time.Now(); p.terminal != nil && now.After(p.next) {
		p.next = now.Add(200 * time.Millisecond)
		p.terminal.draw(fmt.Sprintf("uploading %s %s %d of %d MB", p.name, bar(p.done, p.total, 20), p.done/1e6, p.total/1e6))
	}
}

func (p *sendProgress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal != nil && !p.next.IsZero() {
		p.terminal.clear()
	}
	p.terminal = nil
}
