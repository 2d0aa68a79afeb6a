package app

import (
	"cmp"
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/source"
)

// lookAtMoving decides about the Certificates of the source that gives them up, for the source of
// --to.
func (a *adopting) lookAtMoving(ctx context.Context) error {
	moving, found := a.moving()
	if !found {
		return nil
	}
	a.o.adoption.From = a.leaving.UID
	a.o.plan.selected = selection{named: []namedSource{*a.o.target}}
	if err := a.look(ctx); err != nil {
		return err
	}
	a.rows = slices.DeleteFunc(a.rows, func(one adopted) bool { return !slices.Contains(moving, one.decision.Name) })
	a.addStaying(moving)
	return nil
}

// moving finds the source that gives up its Certificates, and their names.
func (a *adopting) moving() (names []string, found bool) {
	look := a.known.Look(a.keyOf(a.o.plan.selected.named[0]))
	if look == nil {
		a.named = map[namedSource]bool{}
		return nil, false
	}
	defer look.Close()
	a.leaving, _ = look.Object()
	for _, seen := range look.CertificatesOf(a.leaving.Ref) {
		names = append(names, seen.Name)
	}
	return names, true
}

// keyOf is a named source of the one namespace that is looked at.
func (a *adopting) keyOf(n namedSource) inventory.Key {
	namespace := a.o.plan.within
	if a.o.plan.offline() {
		namespace = cmp.Or(a.o.plan.namespace, metav1.NamespaceDefault)
	}
	return inventory.NewKey(n.kind, namespace, n.name)
}

// addStaying adds a row for each Certificate that the source of --to doesn't ask for.
func (a *adopting) addStaying(moving []string) {
	look := a.known.Look(a.keyOf(*a.o.target))
	if look == nil {
		return
	}
	defer look.Close()
	object, _ := look.Object()
	for _, name := range moving {
		if !slices.ContainsFunc(a.rows, func(one adopted) bool { return one.decision.Name == name && one.decision.Namespace == object.Namespace }) {
			a.rows = append(a.rows, a.staying(look.Key(), object, name))
		}
	}
	slices.SortFunc(a.rows, func(x, y adopted) int { return cmp.Compare(x.decision.Name, y.decision.Name) })
}

func (a *adopting) staying(key inventory.Key, object *source.Object, name string) adopted {
	d := certificate.Decision{
		Namespace: object.Namespace, Name: name, Action: certificate.Refuse,
		Reason: certificate.Because(certificate.CauseNotAskedFor, object.Kind+" "+object.Name, a.leaving.Kind+" "+a.leaving.Name),
	}
	return adopted{key: key, object: object, decision: d, verdict: adoptRefused, reason: d.Reason}
}
