package app

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/problem"
)

// The values of --color.
const (
	colourAuto   = "auto"
	colourAlways = "always"
	colourNever  = "never"
)

func colourChoices() []string { return []string{colourAuto, colourAlways, colourNever} }

// colourName is the name of the flag.
const colourName = "color"

func bindColour(cmd *cobra.Command, choice *string) {
	cmd.Flags().StringVar(choice, colourName, colourAuto, "auto, always or never; auto is on a terminal, unless NO_COLOR is set or TERM is dumb")
	complete(cmd, colourName, colourChoices()...)
}

func checkColour(choice string) error {
	if slices.Contains(colourChoices(), choice) {
		return nil
	}
	return fmt.Errorf("--color is %q, must be one of %s", choice, strings.Join(colourChoices(), ", "))
}

// hasColour says whether what is written to a stream is coloured.
func hasColour(choice string, stream io.Writer) bool {
	return wantsColour(choice, isTerminal(stream), os.Getenv)
}

// wantsColour decides as no-color.org has it: an empty NO_COLOR counts as none, and a flag wins over
// the environment.
func wantsColour(choice string, terminal bool, getenv func(string) string) bool {
	switch choice {
	case colourAlways:
		return true
	case colourAuto:
		return terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	}
	return false
}

func isTerminal(stream io.Writer) bool {
	file, isFile := stream.(*os.File)
	return isFile && term.IsTerminal(int(file.Fd()))
}

// colour is the parameter of the escape sequence that selects it; plain text has none.
type colour string

const (
	plain  colour = ""
	dim    colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	cyan   colour = "36"
)

// paint colours text that is safe on a terminal already.
func (c colour) paint(text string) string {
	if c == plain {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func actionColour(action string) colour {
	switch certificate.Action(action) {
	case certificate.Create:
		return green
	case certificate.Apply:
		return yellow
	case certificate.Delete, certificate.Refuse:
		return red
	case certificate.None, certificate.Keep, certificate.Wait:
		return dim
	}
	return plain
}

func severityColour(severity string) colour {
	switch problem.Severity(severity) {
	case problem.Error:
		return red
	case problem.Warning:
		return yellow
	case problem.Info:
		return cyan
	}
	return plain
}

func diffColour(line string) colour {
	switch {
	case strings.HasPrefix(line, "+"):
		return green
	case strings.HasPrefix(line, "-"):
		return red
	}
	return plain
}

// messages is the stream on which a command says what is wrong, in colour where it is wanted.
func messages(stream io.Writer, choice string) io.Writer {
	if hasColour(choice, stream) {
		return severityWriter{stream}
	}
	return stream
}

// messagesOf is for errors that end a command.
func messagesOf(cmd *cobra.Command, stream io.Writer) io.Writer {
	if flag := cmd.Flag(colourName); flag != nil {
		return messages(stream, flag.Value.String())
	}
	return stream
}

// severityWriter colours the severity at the beginning of a line. [printLine] writes each line at
// once, and nothing in it that a terminal acts on.
type severityWriter struct{ w io.Writer }

func (s severityWriter) Write(line []byte) (int, error) {
	severity, rest, _ := bytes.Cut(line, []byte(":"))
	c := severityColour(string(severity))
	if c == plain {
		return s.w.Write(line)
	}
	if _, err := io.WriteString(s.w, c.paint(string(severity)+":")+string(rest)); err != nil {
		return 0, err
	}
	return len(line), nil
}
