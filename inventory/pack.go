package inventory

import (
	"encoding/binary"
	"maps"
	"slices"
)

// packer writes values one after another into one string: an object with forty small
// strings and three maps becomes a single allocation. An unpacker reads them back in the
// same order.
type packer []byte

// text writes one of the words as its number, and any other text with its length before it. An
// odd number is that of a word.
func (p *packer) text(s string) {
	if n, isWord := numbers[s]; isWord {
		p.number(n<<1 | 1)
		return
	}
	p.number(uint64(len(s)) << 1)
	*p = append(*p, s...)
}

func (p *packer) number(n uint64) { *p = binary.AppendUvarint(*p, n) }

func (p *packer) truth(b bool) {
	if b {
		p.number(1)
	} else {
		p.number(0)
	}
}

func (p *packer) texts(list []string) {
	p.number(uint64(len(list)))
	for _, s := range list {
		p.text(s)
	}
}

// table writes a map in the order of its keys, so that equal maps have equal bytes.
func (p *packer) table(m map[string]string) {
	p.number(uint64(len(m)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		p.text(key)
		p.text(m[key])
	}
}

// unpacker reads what a packer wrote. The strings it gives share the packed one. Bytes
// that no packer wrote give zero values, never a panic.
type unpacker string

func (u *unpacker) number() uint64 {
	var n uint64
	for shift := 0; len(*u) > 0 && shift < 64; shift += 7 {
		b := (*u)[0]
		*u = (*u)[1:]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	return 0
}

// count is a number of items that follow, each at least one byte long.
func (u *unpacker) count() int { return int(min(u.number(), uint64(len(*u)))) }

func (u *unpacker) text() string {
	n := u.number()
	if n&1 == 1 {
		return word(n >> 1)
	}
	n = min(n>>1, uint64(len(*u)))
	s := string((*u)[:n])
	*u = (*u)[n:]
	return s
}

func (u *unpacker) truth() bool { return u.number() == 1 }

func (u *unpacker) texts() []string {
	n := u.count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = u.text()
	}
	return list
}

func (u *unpacker) table() map[string]string {
	n := u.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		key := u.text()
		m[key] = u.text()
	}
	return m
}
