package issuance

import (
	"time"

	"github.com/certshim/certshim/problem"
)

// Outcome is how a step stands.
type Outcome string

// The outcomes. Unknown means that it can't be seen.
const (
	OK      Outcome = "ok"
	Waiting Outcome = "waiting"
	Broken  Outcome = "broken"
	Unknown Outcome = "unknown"
)

// Step is one object on the way from a Certificate to its Secret, with what was found there.
type Step struct {
	Object  problem.Object
	Outcome Outcome
	// Text is what was found, as a sentence fragment.
	Text string
	// Since is when it became so; zero where that isn't recorded.
	Since time.Time
}

// Hang is a place where the issuance doesn't go on.
type Hang struct {
	Code   Code
	Object problem.Object
	// Why says what was found, and Help what can be done, in sentences.
	Why  string
	Help []string
	// Commands are lines for a shell that show more or help.
	Commands []string
}

// Chain is the explanation of one Certificate.
type Chain struct {
	// Steps are in the order in which they happen.
	Steps []Step
	// Hangs are the places where it hangs, the nearest to the cause first; none if it doesn't.
	Hangs []Hang
	// Notes are what may look like a hang where there is none.
	Notes []Hang
	// Next is when cert-manager tries again by its default settings; zero if it doesn't wait.
	Next time.Time
	// Done is set if the certificate is there and nothing is being done about it.
	Done bool
}

// Broken says whether a step is broken, which is more than that something waits.
func (c Chain) Broken() bool {
	for _, step := range c.Steps {
		if step.Outcome == Broken {
			return true
		}
	}
	return false
}
