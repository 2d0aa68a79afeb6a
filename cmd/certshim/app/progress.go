package app

import (
	"fmt"
	"io"
	"time"
)

// progress is one line on a terminal that says how far a command is. A nil progress says nothing.
type progress struct {
	w     io.Writer
	now   func() time.Time
	shown time.Time
	what  string
	n     int
}

// newProgress is for a stream of messages; nil if that is no terminal.
func newProgress(messages io.Writer) *progress {
	if !isTerminal(messages) {
		return nil
	}
	return &progress{w: messages, now: time.Now}
}

// betweenShows is how long the line stays as it is, at least.
const betweenShows = 200 * time.Millisecond

// count counts one more of something, such as "Certificates read".
func (p *progress) count(what string) {
	if p == nil {
		return
	}
	if what != p.what {
		p.what, p.n, p.shown = what, 0, time.Time{}
	}
	p.n++
	if now := p.now(); now.Sub(p.shown) >= betweenShows {
		p.shown = now
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%d %s", p.n, what)
	}
}

// end takes the line away.
func (p *progress) end() {
	if p != nil && p.n > 0 {
		p.n, p.what = 0, ""
		_, _ = io.WriteString(p.w, "\r\x1b[K")
	}
}
