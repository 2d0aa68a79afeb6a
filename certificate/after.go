package certificate

import (
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// After predicts a Certificate once a configuration is applied over the live one: values that
// our Apply entry holds, that nobody else applies and that the configuration leaves out are
// removed, the rest stays. The live object isn't changed; without managedFields nothing is
// removed. The result is for display: if removing our last value empties a map or list, it is
// removed too.
func After(live, config map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(live)
	wanted := leaves(config)
	for path := range givenUp(live, wanted).All() {
		remove(out, path)
	}
	for path := range wanted.All() {
		put(out, path, lookup(config, path))
	}
	return out
}

// givenUp returns the values that we hold and no longer want, and that nobody else applies: an
// update that set the same value once is no wish that it stays.
func givenUp(live map[string]any, wanted *fieldpath.Set) *fieldpath.Set {
	own, others := fieldpath.NewSet(), fieldpath.NewSet()
	for _, e := range managedFields(live) {
		switch {
		case e.ours():
			own = own.Union(e.fields())
		case e.mainResource() && e.operation == byApply && !e.takeable():
			others = others.Union(e.fields())
		}
	}
	unwanted := own.Difference(wanted).Difference(others)
	return where(unwanted, func(path fieldpath.Path) bool { return !isContainer(path, live) })
}
