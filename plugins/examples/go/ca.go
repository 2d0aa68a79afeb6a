package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/certshim/certshim/resolver"
)

const (
	group = "pki.corp.example"
	// period is how often the file is checked: the kubelet replaces it when the ConfigMap
	// changes.
	period = time.Second
)

// issuer is one issuer as described in the file.
type issuer struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Sealed issuers can't sign.
	Sealed bool `json:"sealed"`
	// MaxDays limits the validity of certificates; 0 means no limit.
	MaxDays int `json:"maxDays"`
	// Usages are for certificates whose source names none.
	Usages []string `json:"usages"`
	// Namespaces may use the issuer; absent means all.
	Namespaces []string `json:"namespaces"`
}

// ca answers from memory and reads the file in the background.
type ca struct {
	file string
	log  *slog.Logger

	lock    sync.RWMutex
	content []byte
	issuers map[resolver.IssuerKey]issuer
}

var (
	_ resolver.Resolver = (*ca)(nil)
	_ resolver.Watcher  = (*ca)(nil)
)

func newCA(file string, log *slog.Logger) (*ca, error) {
	c := &ca{file: file, log: log}
	_, err := c.read()
	return c, err
}

// Describe implements resolver.Resolver.
func (c *ca) Describe() resolver.Description {
	return resolver.Description{
		Name: "corp-ca", Version: "v1.0.0",
		Kinds: []resolver.DescribedKind{
			{GroupKind: resolver.GroupKind{Group: group, Kind: "CorpIssuer"}, Scope: resolver.Namespaced},
			{GroupKind: resolver.GroupKind{Group: group, Kind: "CorpClusterIssuer"}, Scope: resolver.Cluster},
		},
	}
}

// Resolve implements resolver.Resolver.
func (c *ca) Resolve(_ context.Context, q resolver.Query) (resolver.Statement, error) {
	c.lock.RLock()
	defer c.lock.RUnlock()
	known, found := c.issuers[q.Issuer]
	if !found {
		return resolver.Statement{Existence: resolver.Missing}, nil
	}
	s := resolver.Statement{
		Existence: resolver.Exists, Ready: resolver.Ready,
		Values: resolver.Values{Usages: known.Usages}, Namespaces: known.Namespaces,
		CopyAnnotations: []string{group + "/profile"},
		Constraints: resolver.Constraints{
			SANs: &resolver.SANRule{Allowed: []resolver.SANKind{resolver.DNSName}, NoneWithinWildcards: true, Verdict: resolver.Warn},
		},
	}
	if known.Sealed {
		s.Ready, s.Reason, s.Message = resolver.NotReady, "Sealed", "the CA is sealed: ask its operators to unseal it"
	}
	if known.MaxDays > 0 {
		s.Constraints.Durations = &resolver.DurationRule{Max: time.Duration(known.MaxDays) * 24 * time.Hour, Verdict: resolver.Warn}
	}
	return s, nil
}

// Watch implements resolver.Watcher. It reports whole kinds as changed, since the file is small.
func (c *ca) Watch(ctx context.Context, changed func(resolver.Change)) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		news, err := c.read()
		if err != nil {
			// The issuers read before stay in use.
			c.log.Warn("the file can't be read", "error", err)
		}
		if news {
			var change resolver.Change
			for _, kind := range c.Describe().Kinds {
				change.Kinds = append(change.Kinds, kind.GroupKind)
			}
			changed(change)
		}
	}
}

// read reads the file, and reports whether it changed.
func (c *ca) read() (news bool, err error) {
	content, err := os.ReadFile(c.file)
	if err != nil {
		return false, err
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if bytes.Equal(content, c.content) {
		return false, nil
	}
	var list struct {
		Issuers []issuer `json:"issuers"`
	}
	if err := json.Unmarshal(content, &list); err != nil {
		return false, fmt.Errorf("%s: %w", c.file, err)
	}
	c.content, c.issuers = content, map[resolver.IssuerKey]issuer{}
	for _, one := range list.Issuers {
		key := resolver.IssuerKey{GroupKind: resolver.GroupKind{Group: group, Kind: one.Kind}, Namespace: one.Namespace, Name: one.Name}
		c.issuers[key] = one
	}
	return true, nil
}
