package faulty

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/certshim/certshim/resolver"
)

// Group is the API group of the plugin's kinds.
const Group = "pki.corp.example"

// Kinds returns the kinds of the plugin.
func Kinds() []resolver.DescribedKind {
	return []resolver.DescribedKind{
		{GroupKind: resolver.GroupKind{Group: Group, Kind: "CorpIssuer"}, Scope: resolver.Namespaced},
		{GroupKind: resolver.GroupKind{Group: Group, Kind: "CorpClusterIssuer"}, Scope: resolver.Cluster},
	}
}

// Grant returns the grant that the plugin needs.
func Grant() resolver.Grant {
	return resolver.Grant{Values: []resolver.ValueField{resolver.ValueUsages}, Annotations: []string{Group + "/"}}
}

// Namespaced returns the key of a CorpIssuer.
func Namespaced(namespace, name string) resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: Kinds()[0].GroupKind, Namespace: namespace, Name: name}
}

// Cluster returns the key of a CorpClusterIssuer.
func Cluster(name string) resolver.IssuerKey {
	return resolver.IssuerKey{GroupKind: Kinds()[1].GroupKind, Name: name}
}

// Table is a resolver whose issuers a test sets.
type Table struct {
	lock    sync.Mutex
	issuers map[resolver.IssuerKey]resolver.Statement
	asked   int
	changed map[int]func(resolver.Change)
	next    int
}

var (
	_ resolver.Resolver = (*Table)(nil)
	_ resolver.Watcher  = (*Table)(nil)
)

// NewTable returns a table that has, of each kind, an issuer "ready", one that is "unready", and
// "restricted", which only the namespace "shop" may use. The namespaced ones are in the
// namespace "shop".
func NewTable() *Table {
	t := &Table{issuers: map[resolver.IssuerKey]resolver.Statement{}, changed: map[int]func(resolver.Change){}}
	for _, key := range []resolver.IssuerKey{Namespaced("shop", "ready"), Cluster("ready")} {
		t.issuers[key] = ReadyStatement()
		key.Name = "unready"
		t.issuers[key] = sealed()
		key.Name = "restricted"
		restricted := ReadyStatement()
		restricted.Namespaces = []string{"shop"}
		t.issuers[key] = restricted
	}
	return t
}

func sealed() resolver.Statement {
	return resolver.Statement{Existence: resolver.Exists, Ready: resolver.NotReady, Reason: "CASealed", Message: "the CA is sealed"}
}

// ReadyStatement is the table's statement about a ready issuer.
func ReadyStatement() resolver.Statement {
	return resolver.Statement{
		Existence: resolver.Exists, Ready: resolver.Ready,
		Constraints: resolver.Constraints{
			SANs:      &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName}, Verdict: resolver.Warn},
			Wildcards: &resolver.WildcardRule{Verdict: resolver.Warn},
		},
		Values:          resolver.Values{Usages: []string{"server auth"}},
		CopyAnnotations: []string{Group + "/profile"},
	}
}

// Describe implements [resolver.Resolver].
func (t *Table) Describe() resolver.Description {
	return resolver.Description{Name: "corp-ca", Version: "v1.0.0", Kinds: Kinds(), Grant: Grant()}
}

// Resolve implements [resolver.Resolver]. An object with the status "sealed" isn't ready.
func (t *Table) Resolve(_ context.Context, q resolver.Query) (resolver.Statement, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.asked++
	if q.Issuer.Name == "" {
		return resolver.Statement{}, errors.New("an issuer has a name")
	}
	statement, found := t.issuers[q.Issuer]
	if !found {
		return resolver.Statement{Existence: resolver.Missing}, nil
	}
	var object struct {
		Status struct {
			Sealed bool `json:"sealed"`
		} `json:"status"`
	}
	if json.Unmarshal(q.Observed, &object) == nil && object.Status.Sealed {
		return sealed(), nil
	}
	return statement, nil
}

// Watch implements [resolver.Watcher].
func (t *Table) Watch(ctx context.Context, changed func(resolver.Change)) error {
	t.lock.Lock()
	id := t.next
	t.next++
	t.changed[id] = changed
	t.lock.Unlock()
	<-ctx.Done()
	t.lock.Lock()
	defer t.lock.Unlock()
	delete(t.changed, id)
	return ctx.Err()
}

// Set changes an issuer and reports it to the watchers.
func (t *Table) Set(key resolver.IssuerKey, s resolver.Statement) {
	t.lock.Lock()
	t.issuers[key] = s
	tell := slices.Collect(maps.Values(t.changed))
	t.lock.Unlock()
	for _, changed := range tell {
		changed(resolver.Change{Issuers: []resolver.IssuerKey{key}})
	}
}

// Get returns the table's statement about an issuer.
func (t *Table) Get(key resolver.IssuerKey) resolver.Statement {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.issuers[key]
}

// Asked returns the number of questions so far.
func (t *Table) Asked() int {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.asked
}
