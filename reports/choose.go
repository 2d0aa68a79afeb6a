package reports

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/inventory"
)

// kind is what reports are objects of.
type kind struct {
	resource schema.GroupVersionResource
	name     string
	// source says that the report has a field for who wrote it, beside that of each result.
	source bool
}

func (k kind) apiVersion() string { return k.resource.GroupVersion().String() }

// String is how people name the resource.
func (k kind) String() string {
	return k.resource.Resource + "." + k.resource.Version + "." + k.resource.Group
}

var (
	openReport = kind{
		resource: schema.GroupVersionResource{Group: "openreports.io", Version: "v1alpha1", Resource: "reports"}, name: "Report", source: true,
	}
	policyReport = kind{
		resource: schema.GroupVersionResource{Group: "wgpolicyk8s.io", Version: "v1alpha2", Resource: "policyreports"}, name: "PolicyReport",
	}
)

// kindsOf are the kinds that a setting allows, the best first: openreports.io is the one that is
// maintained.
func kindsOf(setting configuration.Reports) []kind {
	switch setting {
	case configuration.AutoReports:
		return []kind{openReport, policyReport}
	case configuration.OpenReports:
		return []kind{openReport}
	case configuration.PolicyReports:
		return []kind{policyReport}
	case configuration.NoReports:
	}
	return nil
}

// choose gives the first of some kinds that is served. As long as it can't be known whether one is,
// none of those after it is chosen, and known is false.
func choose(kinds []kind, served inventory.Served) (chosen kind, found, known bool) {
	for _, k := range kinds {
		switch {
		case served.Has(k.resource):
			return k, true, true
		case served.Unknown(k.resource.Group):
			return kind{}, false, false
		}
	}
	return kind{}, false, true
}

// maxResults bounds a report: objects of more than some megabytes are refused.
const maxResults = 500

// listed are the Certificates whose fields a report lists, the worst first, as many as fit.
func listed(failing []inventory.CountedCertificate) []inventory.CountedCertificate {
	sorted := slices.SortedFunc(slices.Values(failing), func(a, b inventory.CountedCertificate) int {
		return cmp.Or(cmp.Compare(gravity(b.Counts), gravity(a.Counts)), cmp.Compare(a.Name, b.Name))
	})
	fields := 0
	for i, c := range sorted {
		if fields >= maxResults {
			return sorted[:i]
		}
		fields += failingFields(c.Counts)
	}
	return sorted
}

// gravity is higher the worse the worst field is.
func gravity(c inventory.FieldCounts) int {
	switch {
	case c.Unserved > 0:
		return 4
	case c.Contested > 0:
		return 3
	case c.Drifted > 0:
		return 2
	case c.Foreign > 0, c.Unowned > 0, c.Untracked > 0:
		return 1
	}
	return 0
}

// failingFields is how many fields don't pass.
func failingFields(c inventory.FieldCounts) int {
	return int(c.Unserved) + int(c.Contested) + int(c.Drifted) + int(c.Foreign) + int(c.Unowned) + int(c.Untracked) + int(c.Yielded)
}
