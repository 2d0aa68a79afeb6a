package source_test

import (
	"strings"
	"testing"

	"github.com/certshim/certshim/source"
)

func TestAllowedListeners(t *testing.T) {
	team := map[string]string{"team": "shop", "env": "prod"}
	unread := func(t *testing.T) func() (map[string]string, bool) {
		return func() (map[string]string, bool) { return nil, false }
	}
	mustNotAsk := func(t *testing.T) func() (map[string]string, bool) {
		return func() (map[string]string, bool) {
			t.Error("the labels of the namespace are asked for without need")
			return nil, false
		}
	}
	has := func(labels map[string]string) func(*testing.T) func() (map[string]string, bool) {
		return func(*testing.T) func() (map[string]string, bool) {
			return func() (map[string]string, bool) { return labels, true }
		}
	}
	tests := map[string]struct {
		allowed string
		// namespace of the ListenerSet; the Gateway is in infra.
		namespace string
		labels    func(*testing.T) func() (map[string]string, bool)
		want      string
	}{
		"nothing said":                  {`null`, "infra", mustNotAsk, "admits no ListenerSets"},
		"no namespaces":                 {`{}`, "infra", mustNotAsk, "admits no ListenerSets"},
		"no from":                       {`{namespaces: {}}`, "infra", mustNotAsk, "admits no ListenerSets"},
		"none":                          {`{namespaces: {from: None}}`, "infra", mustNotAsk, "admits no ListenerSets"},
		"all":                           {`{namespaces: {from: All}}`, "shop", mustNotAsk, ""},
		"same, and it is":               {`{namespaces: {from: Same}}`, "infra", mustNotAsk, ""},
		"same, and it isn't":            {`{namespaces: {from: Same}}`, "shop", mustNotAsk, "of its own namespace alone"},
		"a word nobody knows":           {`{namespaces: {from: "every\none"}}`, "shop", mustNotAsk, `the unknown value "every\none" in spec.allowedListeners.namespaces.from`},
		"labels fit":                    {`{namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}}`, "shop", has(team), ""},
		"labels don't fit":              {`{namespaces: {from: Selector, selector: {matchLabels: {team: bank}}}}`, "shop", has(team), `with the labels "team=bank"; shop doesn't have them`},
		"labels can't be read":          {`{namespaces: {from: Selector, selector: {matchLabels: {team: shop}}}}`, "shop", unread, "those of shop can't be read"},
		"expressions":                   {`{namespaces: {from: Selector, selector: {matchExpressions: [{key: env, operator: In, values: [prod, test]}, {key: old, operator: DoesNotExist}]}}}`, "shop", has(team), ""},
		"an expression doesn't fit":     {`{namespaces: {from: Selector, selector: {matchExpressions: [{key: env, operator: NotIn, values: [prod]}]}}}`, "shop", has(team), "doesn't have them"},
		"a selector without conditions": {`{namespaces: {from: Selector, selector: {}}}`, "shop", mustNotAsk, ""},
		"no selector":                   {`{namespaces: {from: Selector}}`, "shop", mustNotAsk, "by a selector and has none"},
		"a selector of another from":    {`{namespaces: {from: Same, selector: {matchLabels: {team: bank}}}}`, "infra", mustNotAsk, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u := decode(t, source.GatewayKind, "allowedListeners: "+tt.allowed)
			u.SetNamespace("infra")
			u.SetName("edge")
			set := &source.Object{Ref: source.Ref{Namespace: tt.namespace, Name: "web"}}
			refusal := listenerSets(t).Refused(set, reduce(t, u), tt.labels(t))
			got := refusal.Why
			if unknown := name == "labels can't be read"; refusal.Unknown != unknown {
				t.Errorf("it can't be known: %v, want %v", refusal.Unknown, unknown)
			}
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got != "" && !strings.Contains(got, "Gateway infra/edge") {
				t.Errorf("the Gateway isn't named: %s", got)
			}
		})
	}
}

// A cache may hand out a selector that nobody can read any more; it admits nothing.
func TestASelectorThatCantBeReadAdmitsNothing(t *testing.T) {
	gateway := &source.Object{Allowed: &source.AllowedListeners{From: "Selector", Selector: "a in ("}}
	if got := listenerSets(t).Refused(&source.Object{}, gateway, nil).Why; !strings.Contains(got, "can't be read") {
		t.Errorf("got %q", got)
	}
}

func listenerSets(t *testing.T) source.Kind {
	t.Helper()
	kind, known := source.Builtin().Lookup(source.GatewayGroup, source.ListenerSetKind)
	if !known {
		t.Fatal("ListenerSet isn't known")
	}
	return kind
}
