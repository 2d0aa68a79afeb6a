package faults

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Each thing that may go wrong is seen, and nothing is seen where nothing did.
func TestJudge(t *testing.T) {
	origins := []*origin{{kind: "Ingress", name: "web", secret: "web-tls", uid: "u", hosts: []string{"a"}, signer: signer{name: "ca"}}}
	origins = append(origins, &origin{kind: "Ingress", name: "younger", secret: "web-tls", uid: "y", hosts: []string{"b"}, waits: origins[0]})
	wants := map[string]*want{"u/web-tls": {made: 1, specs: 2, young: true}, "u/old": {made: 1, specs: 1}, "u/brief": {made: 1, specs: 1, young: true}}
	right := made{uid: "c", owner: "u", name: "web-tls", hosts: []string{"a"}, issuer: "ca", specs: 1}
	former := made{uid: "o", owner: "u", name: "old", hosts: []string{"a"}}
	again := made{uid: "d", owner: "u", name: "web-tls", hosts: []string{"a"}, issuer: "ca"}
	moved := made{uid: "c", owner: "u", name: "web-tls", hosts: []string{"a"}, issuer: "other"}
	given := made{uid: "y", owner: "y", name: "web-tls", hosts: []string{"b"}}
	shrunk := made{uid: "c", owner: "u", name: "web-tls", hosts: []string{}}
	grown := made{uid: "c", owner: "u", name: "web-tls", hosts: []string{"a", "b"}, issuer: "ca", specs: 2}
	rewritten := made{uid: "c", owner: "u", name: "web-tls", hosts: []string{"a"}, specs: 3}
	brief := func(uid types.UID) made { return made{uid: uid, owner: "u", name: "brief", specs: 1} }
	strange := made{uid: "s", owner: "v", name: "web-tls"}
	for name, test := range map[string]struct {
		seen seen
		want string
	}{
		"all is well":           {seen{now: []made{right}, ever: []made{right, former}}, ""},
		"it isn't there":        {seen{ever: []made{right}}, "lost: Ingress web asks for Certificate web-tls, which isn't there"},
		"a name is missing":     {seen{now: []made{shrunk}, ever: []made{shrunk}}, "lost: Ingress web asks for [a], and Certificate web-tls has []"},
		"the issuer is another": {seen{now: []made{moved}, ever: []made{moved}}, "lost: Ingress web asks for issuer ca, and Certificate web-tls has other"},
		"it is another's": {
			seen{now: []made{given}, ever: []made{given}},
			"lost: Ingress web asks for Certificate web-tls, which isn't there\n" +
				"doubled: Certificate y/web-tls was made, which nobody asked for\nleft: Certificate web-tls is left, which nobody asks for any more",
		},
		"made twice": {seen{now: []made{again}, ever: []made{right, again}}, "doubled: Certificate u/web-tls was made 2 times, 1 were asked for"},
		"made twice by two at once": {
			seen{now: []made{right}, ever: []made{right, brief("1"), brief("2")}, overlap: 1}, "",
		},
		"made three times by two at once": {
			seen{now: []made{right}, ever: []made{right, brief("1"), brief("2"), brief("3")}, overlap: 1}, "doubled: Certificate u/brief was made 3 times, 1 were asked for",
		},
		"made twice by one": {
			seen{now: []made{right}, ever: []made{right, brief("1"), brief("2")}}, "doubled: Certificate u/brief was made 2 times, 1 were asked for",
		},
		"made twice by two at once, and still wanted": {
			seen{now: []made{again}, ever: []made{right, again}, overlap: 1}, "doubled: Certificate u/web-tls was made 2 times, 1 were asked for",
		},
		"made for nobody":    {seen{now: []made{right}, ever: []made{right, strange}}, "doubled: Certificate v/web-tls was made, which nobody asked for"},
		"written too often":  {seen{now: []made{right}, ever: []made{rewritten}}, "re-issued: Certificate u/web-tls had 3 specs, 2 were asked for"},
		"a former one stays": {seen{now: []made{right, former}, ever: []made{right, former}}, "left: Certificate old is left, which nobody asks for any more"},
		"it had one owner":   {seen{now: []made{right}, ever: []made{right}, owners: map[types.UID][]types.UID{"c": {"u"}}}, ""},
		"it changed hands": {
			seen{now: []made{right}, ever: []made{right}, owners: map[types.UID][]types.UID{"c": {"v", "u"}}},
			`taken: Certificate c, by its uid, went from owner to owner: ["v" "u"]`,
		},
		"asked for by each spec, and again by caches that are behind": {
			seen{now: []made{right}, ever: []made{grown}, requests: map[types.UID][]request{"c": {{"1", "a", "ca"}, {"2", "a b", "ca"}, {"2", "a b", "ca"}, {"3", "a b", "ca"}}}}, "",
		},
		"asked for by a spec that came back": {
			seen{now: []made{right}, ever: []made{rewritten}, requests: map[types.UID][]request{"c": {{"1", "a", "ca"}, {"2", "a", "ca"}, {"3", "a", "ca"}}}},
			"re-issued: Certificate u/web-tls had 3 specs, 2 were asked for",
		},
		"asked for once more than by caches that are behind": {
			seen{now: []made{right}, ever: []made{right}, requests: map[types.UID][]request{"c": {{"1", "a", "ca"}, {"2", "a", "ca"}, {"3", "a", "ca"}, {"4", "a", "ca"}}}},
			"not asked for: Certificate web-tls had 1 specs, and 4 requests: [{1 a ca} {2 a ca} {3 a ca} {4 a ca}]",
		},
		"asked for with what no spec has": {
			seen{now: []made{right}, ever: []made{right}, requests: map[types.UID][]request{"c": {{"1", "a", "ca"}, {"2", "a", "other"}}}},
			"not asked for: Certificate web-tls had 1 specs, and 2 requests: [{1 a ca} {2 a other}]",
		},
	} {
		v := judge(origins, wants, test.seen)
		if joined := strings.Join(v.all(), "\n"); joined != test.want {
			t.Errorf("%s: %q, want %q", name, joined, test.want)
		}
	}
}

// A Certificate is its owner's, or else the source's whose uid its tie has.
func TestWhoseACertificateIs(t *testing.T) {
	const tie = "gateway.networking.k8s.io/Gateway:edge/web uid=tied for=certs/web-tls"
	for want, metadata := range map[types.UID]map[string]any{
		"owner": {"ownerReferences": []any{map[string]any{"uid": "owner"}}, "annotations": map[string]any{"certshim.io/source": tie}},
		"tied":  {"annotations": map[string]any{"certshim.io/source": tie}},
		"":      {"annotations": map[string]any{"certshim.io/source": "Ingress:shop/web for=shop/web-tls"}},
	} {
		object := &unstructured.Unstructured{Object: map[string]any{"metadata": metadata}}
		if got := ownerOf(object); got != want {
			t.Errorf("%v: %q, want %q", metadata, got, want)
		}
		if all := madeOf([]*unstructured.Unstructured{object}); len(all) != count(want != "") || len(all) == 1 && all[0].owner != want {
			t.Errorf("%v: made are %v", metadata, all)
		}
	}
}
