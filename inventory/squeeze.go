package inventory

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/certshim/certshim/source"
)

const (
	// largeSource is from how many bytes on what is packed of a source is squeezed.
	largeSource = 4 << 10
	// largeDecision is from how many bytes on, as they are packed, a source is large to decide, and
	// manySecrets from how many Secrets on: each has a decision of its own.
	largeDecision = 32 << 10
	manySecrets   = 64
	// maxAsked is how much a source may ask for, in bytes as they are packed.
	maxAsked = 256 << 10
	// maxKept is how much is kept of a source at most, in bytes, its places in the index by Secret
	// included. Of one that takes more, nothing is kept but its identity, so that memory goes by the
	// number of objects, whatever they hold.
	maxKept = 48 << 10
	// perSecret is what a Secret that a source names takes in that index, beside its name, with the
	// garbage that comes of it.
	perSecret = 256
)

// checkSize says which bound a source exceeds.
func (s *Source) checkSize(object *source.Object) error {
	_, f, _ := s.unpackHead()
	named := namedSecrets(object)
	switch kept := len(s.packed) + indexed(named); {
	case len(s.packed) > maxKept && f == plain:
		return fmt.Errorf("its annotations and TLS entries are longer than %d bytes in all", maxAsked)
	case len(s.packed) > maxKept:
		return fmt.Errorf("its annotations and TLS entries take more than %d bytes, compressed", maxKept)
	case kept > maxKept:
		return fmt.Errorf("it names %d Secrets, which is too much for one object: with them it takes %d bytes, and may take %d; "+
			"each counts %d bytes and its name", len(named), kept, maxKept, perSecret)
	}
	return nil
}

// indexed is how much the index by Secret takes for these.
func indexed(secrets []name) int {
	size := 0
	for _, secret := range secrets {
		size += perSecret + len(secret.name)
	}
	return size
}

// isLarge says whether a source takes much memory while it is decided, many times that of the text
// that it asks for.
func (s *Source) isLarge() bool {
	_, f, rest := s.unpackHead()
	return f == squeezed && (rest.number() > largeDecision || len(claimsOf(s)) > manySecrets)
}

// squeezers are reused: one is much larger than what it is for.
var squeezers = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.DefaultCompression) // it fails for an unknown level
	return w
}}

// squeeze makes what is packed shorter, with its length before it. Equal bytes stay equal.
func squeeze(packed packer) packer {
	var out packer
	out.number(uint64(len(packed)))
	buffer := bytes.NewBuffer(out)
	w := squeezers.Get().(*flate.Writer)
	defer squeezers.Put(w)
	w.Reset(buffer)
	_, _ = w.Write(packed) // a buffer takes all
	_ = w.Close()
	return buffer.Bytes()
}

// expanded gives back what was squeezed.
func (u unpacker) expanded() unpacker {
	length := min(u.number(), maxAsked)
	var out strings.Builder
	out.Grow(int(length))
	_, _ = io.CopyN(&out, flate.NewReader(strings.NewReader(string(u))), int64(length)) // bytes that nobody squeezed give less
	return unpacker(out.String())
}
