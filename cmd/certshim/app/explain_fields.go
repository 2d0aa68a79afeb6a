package app

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
)

// difference is a field of a Certificate that is otherwise than its source asks for.
type difference struct {
	// Field is its path as the API server writes it in conflicts.
	Field string `json:"field"`
	// Live and Wanted are values as JSON, cut where they are long; empty where there is none.
	Live   string `json:"live,omitempty"`
	Wanted string `json:"wanted,omitempty"`
	// Holders are who holds it, each as manager (operation).
	Holders []string          `json:"holders,omitempty"`
	Verdict ownership.Verdict `json:"verdict"`
	Means   string            `json:"means"`
	// conflict is set if somebody else holds it with another value.
	conflict bool
}

// liveOf is the Certificate of a decision as the API server has it; nil if it isn't there or may
// not be read.
func liveOf(ctx context.Context, known *planInventory, one planned, c certificate.Decision) (map[string]any, error) {
	if live := one.live[c.At()]; live != nil {
		return live, nil
	}
	if known.live == nil {
		return nil, nil
	}
	observed, err := known.live(ctx, types.NamespacedName{Namespace: c.Namespace, Name: c.Name})
	if errors.Is(err, errNotPermitted) || err == nil && observed == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return observed.Live, nil
}

// differences are the fields of a Certificate that aren't as its source asks for, and who holds
// them.
func differences(live map[string]any, c certificate.Decision) []difference {
	if live == nil || c.Asked == nil {
		return nil
	}
	var found []difference
	for _, field := range ownership.Of(ownership.Input{Live: live, Asked: c.Asked, Choice: c.Choice}).Fields {
		if !differs(field) {
			continue
		}
		one := difference{Field: field.Path, Live: shortOrNone(field.Live), Wanted: shortOrNone(field.Wanted), Verdict: field.Verdict, Means: field.Verdict.Words(), conflict: field.IsConflict()}
		for _, holder := range field.Holders {
			one.Holders = append(one.Holders, short(holder.Manager)+" ("+holder.Operation+")")
		}
		found = append(found, one)
	}
	return found
}

// differs says whether a field is to be told: its value isn't the wanted one, or won't stay so.
func differs(field ownership.Field) bool {
	told := []ownership.Verdict{ownership.Unserved, ownership.Contested, ownership.Yielded, ownership.Drifted}
	return slices.Contains(told, field.Verdict) || field.Wanted != nil && !reflect.DeepEqual(field.Live, field.Wanted)
}

func shortOrNone(value any) string {
	if value == nil {
		return ""
	}
	return short(value)
}
