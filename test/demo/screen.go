package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// screen prints what happens, a line each, with the seconds since the start. On a
// terminal it uses colour; in a log it is plain.
type screen struct {
	mu     sync.Mutex
	out    io.Writer
	colour bool
	began  time.Time
}

func newScreen(out *os.File) *screen {
	return &screen{out: out, colour: term.IsTerminal(int(out.Fd())) && os.Getenv("NO_COLOR") == "", began: time.Now()}
}

const (
	bold   = "1"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	grey   = "90"
)

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintln(s.out, text)
}

// title opens a scene.
func (s *screen) title(text string) { s.print("\n" + s.paint(bold, "▌ "+text)) }

// command shows what was typed, and what it printed.
func (s *screen) command(line, output string) {
	s.print("  " + s.paint(cyan, "$ "+line))
	for out := range strings.Lines(strings.TrimRight(output, "\n")) {
		s.print(s.paint(grey, "    "+strings.TrimRight(out, "\n")))
	}
}

// happened is something that was seen in the cluster.
func (s *screen) happened(what, text string) {
	s.print(fmt.Sprintf("  %s %-12s %s", s.clock(), s.paint(bold, what), text))
}

// done is a good end, warned an Event of type Warning.
func (s *screen) done(text string) {
	s.print(fmt.Sprintf("  %s %s %s", s.clock(), s.paint(green, "✓"), text))
}

func (s *screen) warned(reason, text string) {
	s.print(fmt.Sprintf("  %s %s %s: %s", s.clock(), s.paint(yellow, "⚠ Event"), reason, text))
}

func (s *screen) clock() string {
	return s.paint(grey, fmt.Sprintf("%6.1fs", time.Since(s.began).Seconds()))
}

func (s *screen) end(signed int, took time.Duration) {
	s.print("\n" + s.paint(green, fmt.Sprintf("Done: %d Secrets signed, each chain checked against its CA, in %s.", signed, took.Round(time.Second))))
}

// invite tells what to try.
func (s *screen) invite(lines ...string) {
	s.print("\nIt stays up until Ctrl-C. In another terminal:\n")
	for _, line := range lines {
		s.print("  " + s.paint(cyan, line))
	}
	s.print("")
}
