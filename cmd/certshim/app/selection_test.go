package app

import (
	"slices"
	"testing"

	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/source"
)

func TestSelectSources(t *testing.T) {
	const ingress, gateway, set = "Ingress", "Gateway", "ListenerSet"
	for name, row := range map[string]struct {
		args  []string
		has   []string
		lacks []string
		err   string
	}{
		"nothing":              {nil, []string{ingress + "/a", gateway + "/a", set + "/a"}, nil, ""},
		"a kind":               {[]string{"ingress"}, []string{ingress + "/a"}, []string{gateway + "/a"}, ""},
		"plural, any case":     {[]string{"Ingresses"}, []string{ingress + "/a"}, []string{gateway + "/a"}, ""},
		"short names":          {[]string{"ing", "lset"}, []string{ingress + "/a", set + "/a"}, []string{gateway + "/a"}, ""},
		"commas":               {[]string{"ing,gtw"}, []string{ingress + "/a", gateway + "/a"}, []string{set + "/a"}, ""},
		"with its group":       {[]string{"ingresses.networking.k8s.io"}, []string{ingress + "/a"}, []string{gateway + "/a"}, ""},
		"with its version":     {[]string{"gateways.v1.gateway.networking.k8s.io"}, []string{gateway + "/a"}, []string{ingress + "/a"}, ""},
		"of another group":     {[]string{"gateways.istio.io"}, nil, nil, `"gateways.istio.io" is no kind of source, must be one of ingress, gateway, listenerset, xlistenerset, or another that certshim sources lists`},
		"a name":               {[]string{"ingress", "web"}, []string{ingress + "/web"}, []string{ingress + "/a", gateway + "/web"}, ""},
		"names":                {[]string{"ing", "web", "api"}, []string{ingress + "/web", ingress + "/api"}, []string{ingress + "/a"}, ""},
		"a name of two kinds":  {[]string{"ing,gtw", "web"}, []string{ingress + "/web", gateway + "/web"}, []string{set + "/web"}, ""},
		"qualified":            {[]string{"ingress/web", "gtw/edge"}, []string{ingress + "/web", gateway + "/edge"}, []string{ingress + "/edge"}, ""},
		"called as a kind":     {[]string{"ingress/gateway"}, []string{ingress + "/gateway"}, []string{gateway + "/a"}, ""},
		"no kind":              {[]string{"secrets"}, nil, nil, `"secrets" is no kind of source, must be one of ingress, gateway, listenerset, xlistenerset, or another that certshim sources lists`},
		"misspelt":             {[]string{"ingres", "web"}, nil, nil, `"ingres" is no kind of source, must be one of ingress, gateway, listenerset, xlistenerset, or another that certshim sources lists, did you mean "ingress"?`},
		"a file":               {[]string{"web.yaml"}, nil, nil, `"web.yaml" is no kind of source, must be one of ingress, gateway, listenerset, xlistenerset, or another that certshim sources lists; files are named by -f`},
		"a file in a folder":   {[]string{"a/web.yaml"}, nil, nil, `"a/web.yaml" is no kind of source, must be one of ingress, gateway, listenerset, xlistenerset, or another that certshim sources lists; files are named by -f`},
		"one without its kind": {[]string{"ingress/web", "api"}, nil, nil, `"api" has no name, must be KIND/NAME as the other arguments`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := selectSources(source.Builtin(), row.args)
			if got := errorText(err); got != row.err {
				t.Fatalf("got error %q, want %q", got, row.err)
			}
			for _, kind := range source.Builtin().All() {
				for _, object := range []string{"a", "web", "api", "edge", "gateway"} {
					key, named := inventory.NewKey(source.GroupKindOf(kind), "shop", object), kind.GroupVersionKind().Kind+"/"+object
					if wanted := slices.Contains(row.has, named); wanted != s.has(key) && (wanted || slices.Contains(row.lacks, named)) {
						t.Errorf("it has %s: %v", named, s.has(key))
					}
				}
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
