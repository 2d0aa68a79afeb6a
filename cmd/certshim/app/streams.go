package app

import "io"

// Streams are the standard streams of a command line.
type Streams struct {
	In          io.Reader
	Out, ErrOut io.Writer
}
