package inventory

import "testing"

// A word takes little room, and what a packer writes, words or not, an unpacker reads.
func TestWordsTakeLittleRoom(t *testing.T) {
	texts := append([]string{"", "Secrets", "spec.tls[4]", string(make([]byte, 300))}, words...)
	var p packer
	p.texts(texts)
	u := unpacker(p)
	for n, got := range u.texts() {
		if got != texts[n] {
			t.Errorf("%q was read as %q", texts[n], got)
		}
	}
	for _, word := range words {
		var p packer
		if p.text(word); len(p) > 2 {
			t.Errorf("%q takes %d bytes", word, len(p))
		}
	}
}

func TestANumberOfNoWordIsEmpty(t *testing.T) {
	var p packer
	p.number(uint64(len(words))<<1 | 1)
	p.text("next")
	u := unpacker(p)
	if none, next := u.text(), u.text(); none != "" || next != "next" {
		t.Errorf("it gives %q, and after it %q", none, next)
	}
}
