package serve

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/wire"
	"github.com/certshim/certshim/resolver"
)

// noting is a resolver that notes the grant it is asked with.
type noting struct{ grant resolver.Grant }

func kind() resolver.GroupKind {
	return resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}
}

func (*noting) Describe() resolver.Description {
	return resolver.Description{Name: "corp-ca", Kinds: []resolver.DescribedKind{{GroupKind: kind(), Scope: resolver.Namespaced}}}
}

func (n *noting) Resolve(_ context.Context, q resolver.Query) (resolver.Statement, error) {
	n.grant = q.Grant
	return resolver.Statement{Existence: resolver.Exists, Message: "token=abc"}, nil
}

// A resolver sees the grant of the last handshake with each question.
func TestAResolverSeesItsGrant(t *testing.T) {
	n := &noting{}
	s := newService(t.Context(), Server{Resolver: n})
	ask := func() *api.ResolveResponse {
		t.Helper()
		key := resolver.IssuerKey{GroupKind: kind(), Namespace: "shop", Name: "web"}
		response, err := s.Resolve(t.Context(), &api.ResolveRequest{Queries: []*api.Query{{Id: 1, Issuer: wire.Issuer(key, resolver.Namespaced)}}})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	ask()
	if diff := cmp.Diff(resolver.Grant{}, n.grant); diff != "" {
		t.Errorf("before a handshake: %s", diff)
	}
	for _, grant := range []resolver.Grant{
		{Values: resolver.ValueFields(), MayRefuse: true, Annotations: []string{"pki.corp.example/"}},
		{Values: []resolver.ValueField{resolver.ValueUsages}},
	} {
		if _, err := s.Handshake(t.Context(), wire.Grant(grant)); err != nil {
			t.Fatal(err)
		}
		response := ask()
		if diff := cmp.Diff(grant, n.grant); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		// What can't be shown is left out before it leaves the plugin.
		if statement, failed, err := wire.ReadAnswer(response.GetAnswers()[0]); err != nil || failed != nil || statement.Message != "" {
			t.Errorf("got %+v, %v, %v", statement, failed, err)
		}
	}
}
