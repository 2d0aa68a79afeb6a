package inventory

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"
)

// fill fills an inventory with sources that have their Certificates, of a few issuers.
func (s *shop) fill(pairs int) {
	s.Helper()
	const issuers = 5
	for n := range issuers {
		s.put(fmt.Sprintf("{kind: ClusterIssuer, metadata: {name: ca-%d}, spec: {ca: {}}, status: {conditions: [{type: Ready, status: 'True'}]}}", n))
	}
	for n := range pairs {
		name := fmt.Sprintf("web-%05d", n)
		s.putIngress(name, map[string]string{"cert-manager.io/cluster-issuer": fmt.Sprint("ca-", n%issuers)}, name+"-tls")
		look := s.Look(ingressKey(name))
		s.show(written(decide(look), 0))
		look.Close()
	}
}

// heap is what is in use once what nobody holds any more is collected.
func heap() int64 {
	// What a finalizer or a pool lets go of, the second collection takes.
	runtime.GC()
	runtime.GC()
	live := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(live)
	return int64(live[0].Value.Uint64())
}

// What is noted of who read what takes little beside the objects and their indexes.
func TestReadersTakeLittleMemory(t *testing.T) {
	const pairs, most = 20_000, 64
	s := newShop(t, Options{})
	s.fill(pairs)
	keys := s.Keys()
	without := heap()
	for _, k := range keys {
		if outcome, _ := s.decide(k); !outcome.Problems.Empty() {
			t.Fatalf("%v", outcome.Problems.All())
		}
	}
	taken := float64(heap()-without) / pairs
	t.Logf("%.1f bytes a pair", taken)
	if taken > most {
		t.Errorf("who read what takes %.1f bytes a pair, more than %d", taken, most)
	}
	runtime.KeepAlive(s)
	runtime.KeepAlive(keys)
}
