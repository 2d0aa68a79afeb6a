package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
)

// adoptResult is what was done about a Certificate.
type adoptResult string

const (
	adoptDone   adoptResult = "adopted"
	adoptLeft   adoptResult = "left"
	adoptFailed adoptResult = "failed"
)

// writeAll adopts what may be, one Certificate after another. What isn't reached when the context ends
// has no result.
func (a *adopting) writeAll(ctx context.Context) error {
	writer, err := a.known.cluster.connection.Writer()
	if err != nil {
		return err
	}
	limits := []*rate.Limiter{limitOf(a.o.plan.configuration.Takeover.ChangesPerMinute, time.Minute), limitOf(a.o.perSecond, time.Second)}
	for i := range a.rows {
		one := &a.rows[i]
		switch {
		case one.verdict == adoptSame || one.verdict == adoptRefused:
			continue
		case one.verdict == adoptReissue && !a.o.allowReissue:
			one.result = adoptLeft
			continue
		}
		turn := limits
		if one.verdict != adoptReissue {
			turn = limits[1:]
		}
		if err := wait(ctx, turn...); err != nil {
			return err
		}
		a.write(ctx, writer, one)
	}
	return nil
}

// write adopts one Certificate as it is decided now, not as it was when the table was made.
func (a *adopting) write(ctx context.Context, writer cluster.Writer, one *adopted) {
	before := one.verdict
	for range handoverTries {
		if one.failed = a.again(ctx, one); one.failed != nil {
			break
		}
		if worse(one.verdict, before) {
			one.result = adoptLeft
			return
		}
		if one.verdict == adoptSame {
			one.result = adoptDone
			return
		}
		one.failed = carryOut(ctx, writer, one.decision)
		if answer := cluster.AnswerOf(one.failed); answer != cluster.Conflict && answer != cluster.Outdated {
			break
		}
	}
	one.result = adoptDone
	if one.failed != nil {
		one.result = adoptFailed
	}
}

// worse reports whether a verdict asks for more than the one that was shown.
func worse(now, before adoptVerdict) bool {
	all := adoptVerdicts()
	return slices.Index(all, now) > slices.Index(all, before)
}

// carryOut patches managedFields, and applies what differs, in a request of its own.
func carryOut(ctx context.Context, writer cluster.Writer, d certificate.Decision) error {
	name, guard := types.NamespacedName{Namespace: d.Namespace, Name: d.Name}, d.Guard
	if d.TakeOver != nil {
		version, err := writer.Patch(ctx, name, d.TakeOver)
		if err != nil || d.Unchanged {
			return err
		}
		guard.ResourceVersion = version
	}
	_, err := writer.Apply(ctx, name, d.Config, guard, d.Force)
	return err
}

// again reads a source and its Certificate, and judges anew.
func (a *adopting) again(ctx context.Context, one *adopted) error {
	if err := a.known.cluster.readAgain(ctx, one.key); err != nil {
		return err
	}
	look := a.known.Look(one.key)
	if look == nil {
		return fmt.Errorf("%s isn't there any more", one.object.Object())
	}
	defer look.Close()
	name := types.NamespacedName{Namespace: one.decision.Namespace, Name: one.decision.Name}
	observed, err := a.known.live(ctx, name)
	switch {
	case err != nil:
		return err
	case observed == nil:
		return errors.New("the Certificate isn't there any more")
	}
	look.SetLive(name, observed)
	object, _ := look.Object()
	for _, d := range decide(look).Certificates {
		if d.At() == name {
			*one = a.judge(one.key, object, d, observed.Live)
			return nil
		}
	}
	return fmt.Errorf("%s doesn't ask for it any more", object.Object())
}

// readAgain reads one source in the place of what is known of it.
func (r *reading) readAgain(ctx context.Context, key inventory.Key) error {
	kind, known := r.policy.Kinds.Lookup(key.Kind().Group, key.Kind().Kind)
	if !known {
		return fmt.Errorf("%s of group %q is no kind of source", key.Kind().Kind, key.Kind().Group)
	}
	resource, served := r.served.SourcesOf(kind)
	if !served {
		return fmt.Errorf("%s of group %q isn't served any more", key.Kind().Kind, key.Kind().Group)
	}
	intake := r.Sources(kind)
	packed, err := cluster.Get(ctx, r.connection, cluster.Resource{GVR: resource, Paths: intake.Paths, Transform: transformOf(intake)}, key.Namespace(), key.Name())
	if err != nil {
		return fmt.Errorf("read %s %s/%s: %w", key.Kind().Kind, key.Namespace(), key.Name(), err)
	}
	intake.Put(packed)
	return nil
}

// transformOf makes of an object what an intake keeps of it, also of one that can't be read.
func transformOf(intake inventory.Intake) func(any) (any, error) {
	return func(item any) (any, error) {
		object, isObject := item.(*unstructured.Unstructured)
		if !isObject {
			return nil, fmt.Errorf("%T is no object", item)
		}
		packed, _ := intake.Pack(object)
		return packed, nil
	}
}
