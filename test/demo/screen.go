package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen prints what happens, a line each, with the seconds since the start. On a
// terminal it uses colour; in a log it is plain.
type screen struct {
	mu     sync.Mutex
	out    io.Writer
	colour bool
	// width is the terminal's, or 0.
	width int
	began time.Time
	// last is when the last line was printed.
	last time.Time
}

func newScreen(out *os.File) *screen {
	width, _, _ := term.GetSize(int(out.Fd())) // 0 where it is no terminal
	colour := term.IsTerminal(int(out.Fd())) && os.Getenv("NO_COLOR") == ""
	return &screen{out: out, colour: colour, width: width, began: time.Now()}
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
	s.last = time.Now()
	_, _ = fmt.Fprintln(s.out, text)
}

// reassure prints a line whenever nothing was printed for a while, until it is stopped.
func (s *screen) reassure(text string) (stop func()) {
	const silence = 4 * time.Second
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if s.silent() >= silence {
					s.waiting(text)
				}
			}
		}
	}()
	return stop
}

func (s *screen) silent() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.last)
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

// up says that a part of the cluster is up, waiting what is awaited next.
func (s *screen) up(part string) { s.done(part) }

func (s *screen) waiting(text string) {
	s.print(fmt.Sprintf("  %s %s", s.clock(), s.paint(grey, "… "+text)))
}

// done is a good end, warned an Event of type Warning.
func (s *screen) done(text string) {
	s.print(fmt.Sprintf("  %s %s %s", s.clock(), s.paint(green, "✓"), text))
}

func (s *screen) warned(reason, text string) {
	const indent = "            "
	lines := wrap(reason+": "+text, s.width-len(indent)-len("⚠ Event "))
	s.print(fmt.Sprintf("  %s %s %s", s.clock(), s.paint(yellow, "⚠ Event"), strings.Join(lines, "\n"+indent)))
}

// wrap breaks a text between words into lines of at most that many characters; 0 or less doesn't break it.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case width <= 0 || utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

func (s *screen) clock() string {
	return s.paint(grey, fmt.Sprintf("%6.1fs", time.Since(s.began).Seconds()))
}

func (s *screen) end(signed int, took time.Duration) {
	s.print("\n" + s.paint(green, fmt.Sprintf("Done: %d Secrets signed, each chain checked against its CA, in %s.", signed, took.Round(time.Second))))
}

// invite shows what to try while it stays up, next what to do after it.
func (s *screen) invite(lines ...string) {
	s.commands("It stays up until Ctrl-C. In another terminal:", lines)
}

func (s *screen) next(lines ...string) { s.commands("What next:", lines) }

func (s *screen) commands(heading string, lines []string) {
	s.print("\n" + heading + "\n")
	for _, line := range lines {
		s.print("  " + s.paint(cyan, line))
	}
	s.print("")
}
