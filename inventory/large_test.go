package inventory

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/annotations"
)

// large is an object with annotations, and some of what lists its entries.
func large(kind string, values, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata":   map[string]any{"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "7", "annotations": values},
		"apiVersion": "v1", "kind": kind, "spec": spec,
	}}
}

func withEntries(count int, entry func(int) map[string]any) map[string]any {
	entries := make([]any, count)
	for i := range entries {
		entries[i] = entry(i)
	}
	if _, isListener := entries[0].(map[string]any)["protocol"]; isListener {
		return map[string]any{"listeners": entries}
	}
	return map[string]any{"tls": entries}
}

// oneEntry has a Secret for so many hosts.
func oneEntry(count int, host func(int) string) map[string]any {
	hosts := make([]any, count)
	for i := range hosts {
		hosts[i] = host(i)
	}
	return withEntries(1, func(int) map[string]any { return map[string]any{"secretName": "tls", "hosts": hosts} })
}

// random is text that can't be made shorter by much.
func random(seed, length int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	from := rand.New(rand.NewPCG(uint64(seed), 0))
	text := make([]byte, length)
	for i := range text {
		text[i] = letters[from.IntN(len(letters))]
	}
	return string(text)
}

func customer(i int) string { return "shop." + random(i, 5+i%20) + ".example.com" }

// What is kept of an annotation that is too long, or that does nothing, is what is shown of it. Of an
// object that asks for too much only its identity is kept; one that a cluster may well have is kept
// as it is.
func TestWhatIsKeptOfALargeObject(t *testing.T) {
	for name, row := range map[string]struct {
		object     *unstructured.Unstructured
		most       int
		unreadable string
	}{
		"a key that is read":      {large("Ingress", map[string]any{annotations.Prefix + "alt-names": strings.Repeat("a,", 128<<10)}, nil), 1000, ""},
		"a key that is long":      {large("Ingress", map[string]any{annotations.Prefix + "alt-names": strings.Repeat("a,", 30<<10)}, nil), 1000, ""},
		"a key that does nothing": {large("Ingress", map[string]any{annotations.Prefix + "nothing": strings.Repeat("a", 60<<10)}, nil), 1000, ""},
		"a thousand hosts":        {large("Ingress", nil, oneEntry(1000, customer)), 20 << 10, ""},
		"a hundred and fifty Secrets": {large("Ingress", nil, withEntries(150, func(i int) map[string]any {
			return map[string]any{"secretName": strings.ReplaceAll(customer(i), ".", "-"), "hosts": []any{customer(i), "www." + customer(i)}}
		})), 8 << 10, ""},
		"a Secret for many entries": {large("Ingress", nil, withEntries(1000, func(i int) map[string]any {
			return map[string]any{"secretName": "tls", "hosts": []any{customer(i)}}
		})), 30 << 10, ""},
		"a full Gateway": {large("Gateway", nil, withEntries(64, func(i int) map[string]any {
			return map[string]any{
				"name": random(i, 253), "protocol": "HTTPS", "hostname": random(i, 63) + "." + random(i, 63) + "." + random(i, 63) + ".example.com",
				"tls": map[string]any{"certificateRefs": []any{map[string]any{"name": random(i, 253), "namespace": "shop"}}},
			}
		})), 40 << 10, ""},
		"many hosts":          {large("Ingress", nil, oneEntry(20_000, func(int) string { return strings.Repeat("a", 20) + ".example.com" })), 1000, "longer than 262144 bytes"},
		"hosts like no other": {large("Ingress", nil, oneEntry(2000, func(i int) string { return random(i, 60) })), 1000, "more than 49152 bytes, compressed"},
		"many Secrets": {large("Ingress", nil, withEntries(300, func(i int) map[string]any {
			return map[string]any{"secretName": fmt.Sprint("tls-", i)}
		})), 1000, "it names 300 Secrets"},
		"Secrets of long names": {large("Ingress", nil, withEntries(150, func(i int) map[string]any {
			return map[string]any{"secretName": strings.Repeat("long-name-", 20) + fmt.Sprint(i)}
		})), 1000, "it names 150 Secrets"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, Options{})
			object, same := row.object, row.object.DeepCopy()
			packed, err := s.intake(object).Pack(object)
			item := packed.(*Source)
			if got := len(item.packed); got > row.most {
				t.Errorf("%d bytes are kept", got)
			}
			read, why := item.unpack()
			if read.Name != "web" || read.UID != "u" || read.ResourceVersion != "7" {
				t.Errorf("read as %+v", read.Ref)
			}
			if row.unreadable != "" {
				if err == nil || why != err.Error() || !strings.Contains(why, row.unreadable) {
					t.Errorf("unreadable: %q, %v", why, err)
				}
				return
			}
			again, _ := s.intake(same).Pack(same)
			if err != nil || why != "" || !item.same(&again.(*Source).compact) {
				t.Errorf("it isn't read alike: %q, %v", why, err)
			}
		})
	}
}

// Whatever large objects hold, they take little.
func TestLargeSourcesTakeLittleMemory(t *testing.T) {
	const count, size, most = 60, 250 << 10, 56 << 10
	hosts := func(taken int) func(int) map[string]any {
		return func(n int) map[string]any {
			return oneEntry(taken/60, func(i int) string { return random(n*10_000+i, 60) })
		}
	}
	secrets := func(count int, long string) func(int) map[string]any {
		return func(n int) map[string]any {
			return withEntries(count, func(i int) map[string]any {
				return map[string]any{"secretName": fmt.Sprintf("tls-%s%d-%d", long, n, i), "hosts": []any{fmt.Sprintf("shop-%d.team-%d.example.com", i, n)}}
			})
		}
	}
	for name, spec := range map[string]func(int) map[string]any{
		"the largest that are kept": hosts(70 << 10), "larger ones": hosts(size),
		"as many Secrets as are kept": secrets(165, ""), "of long names": secrets(90, strings.Repeat("long-name-", 20)), "more Secrets": secrets(1000, ""),
	} {
		s := newShop(t, Options{})
		without := heap()
		for n := range count {
			object := large("Ingress", nil, spec(n))
			object.SetName(fmt.Sprint("web-", n))
			intake := s.intake(object)
			packed, _ := intake.Pack(object) // the error is that it is too large
			intake.Put(packed)
		}
		taken := (heap() - without) / count
		t.Logf("%s: %d bytes an object", name, taken)
		if taken > most {
			t.Errorf("%s take %d bytes each, more than %d", name, taken, most)
		}
		runtime.KeepAlive(s)
	}
}

// A source is large to decide by the length of what it asks for, or by the number of its Secrets.
func TestWhatIsLargeToDecide(t *testing.T) {
	secrets := func(count int) map[string]any {
		return withEntries(count, func(i int) map[string]any {
			return map[string]any{"secretName": fmt.Sprintf("certificate-of-shop-%d", i), "hosts": []any{customer(i)}}
		})
	}
	for name, row := range map[string]struct {
		spec  map[string]any
		large bool
	}{
		"many Secrets": {secrets(100), true}, "a full Ingress": {secrets(64), false}, "one Secret": {secrets(1), false},
		"many hosts": {oneEntry(1500, customer), true}, "fewer hosts": {oneEntry(500, customer), false},
	} {
		t.Run(name, func(t *testing.T) {
			object := large("Ingress", nil, row.spec)
			packed, err := newShop(t, Options{}).intake(object).Pack(object)
			if err != nil {
				t.Fatal(err)
			}
			if got := packed.(*Source).isLarge(); got != row.large {
				t.Errorf("large: %v", got)
			}
		})
	}
}
