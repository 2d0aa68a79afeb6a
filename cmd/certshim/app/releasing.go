package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// What is done about a Certificate that is released: nothing, since certshim holds nothing of it, a patch
// of metadata, or nothing for the reason that is shown.
const (
	releaseSame     = string(adoptSame)
	releaseMetadata = string(adoptMetadata)
	releaseRefused  = string(adoptRefused)

	releaseDone   = "released"
	releaseFailed = "failed"
)

// released is one Certificate, and what giving it up comes to.
type released struct {
	kind   source.Kind
	object *source.Object
	seen   certificate.Observed
	gives  certificate.Release
	result string
	failed error
}

func (one *released) verdict() string {
	switch {
	case !one.gives.Refused.IsZero():
		return releaseRefused
	case one.gives.Patch == nil:
		return releaseSame
	}
	return releaseMetadata
}

// releasing is one run of release.
type releasing struct {
	o     *releaseOptions
	known *planInventory
	rows  []released
	// named are the sources that were found.
	named map[namedSource]bool
	// serving says which controller is at work, if one is. notes are for whoever asked.
	serving certificate.Reason
	notes   []string
}

// lookAtAll finds the Certificates of every source that is asked for.
func (r *releasing) lookAtAll(ctx context.Context) error {
	r.named = map[namedSource]bool{}
	if err := r.findController(ctx); err != nil {
		return err
	}
	for _, key := range r.known.sorted() {
		if !r.o.plan.wants(key, r.known) {
			continue
		}
		r.named[namedSource{key.Kind(), key.Name()}] = true
		if err := r.lookAt(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func (r *releasing) lookAt(ctx context.Context, key inventory.Key) error {
	look := r.known.Look(key)
	defer look.Close()
	object, _ := look.Object()
	kind, known := r.o.plan.policy.Kinds.Lookup(object.Group, object.Kind)
	if !known {
		return nil
	}
	for _, seen := range look.CertificatesOf(object.Ref) {
		if seen.Live == nil {
			live, err := r.known.live(ctx, types.NamespacedName{Namespace: seen.Namespace, Name: seen.Name})
			if err != nil {
				return err
			}
			if live == nil {
				continue
			}
			seen = *live
		}
		one := released{kind: kind, object: object, seen: seen}
		if one.gives = r.o.give(&one); one.gives.Refused.IsZero() && one.gives.Patch != nil && r.serves(object, seen) {
			one.gives = certificate.Release{Refused: r.serving}
		}
		r.rows = append(r.rows, one)
	}
	return nil
}

// serves reports whether a controller keeps a Certificate up to date now.
func (r *releasing) serves(object *source.Object, seen certificate.Observed) bool {
	request, _ := r.o.plan.policy.Parser.Parse(object.Annotations)
	return !r.serving.IsZero() && r.known.Watches(object.Namespace) && !request.Ignore.All && !slices.Contains(request.Ignore.Secrets, seen.Secret)
}

// findController finds out whether a controller holds its Lease.
func (r *releasing) findController(ctx context.Context) error {
	if r.o.stopped || r.known.cluster == nil {
		return nil
	}
	name := r.o.plan.configuration.LeaderElect.LeaseName
	where := r.o.namespace + "/" + name
	lease, err := r.known.cluster.connection.Leases.Leases(r.o.namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		r.notes = append(r.notes, "note: there is no Lease "+where+": make sure that no controller runs elsewhere (--release-namespace), or without leader election")
	case apierrors.IsForbidden(err):
		r.serving = certificate.Because(certificate.CauseLeaseUnread, where)
	case err != nil:
		return fmt.Errorf("read Lease %s: %w", where, err)
	case holds(lease, time.Now()):
		r.serving = certificate.Because(certificate.CauseControllerServes, problem.Name(*lease.Spec.HolderIdentity), where)
	}
	return nil
}

// holds reports whether somebody holds a Lease.
func holds(lease *coordinationv1.Lease, now time.Time) bool {
	spec := lease.Spec
	if spec.HolderIdentity == nil || *spec.HolderIdentity == "" || spec.RenewTime == nil || spec.LeaseDurationSeconds == nil {
		return false
	}
	return now.Before(spec.RenewTime.Add(time.Duration(*spec.LeaseDurationSeconds) * time.Second))
}

// writeAll releases what may be, one Certificate after another. What isn't reached when the context
// ends has no result.
func (r *releasing) writeAll(ctx context.Context) error {
	writer, err := r.known.cluster.connection.Writer()
	if err != nil {
		return err
	}
	turn := limitOf(r.o.perSecond, time.Second)
	for i := range r.rows {
		one := &r.rows[i]
		if one.verdict() != releaseMetadata {
			continue
		}
		if err := wait(ctx, turn); err != nil {
			return err
		}
		one.result = releaseDone
		if one.failed = r.write(ctx, writer, one); one.failed != nil {
			one.result = releaseFailed
		}
	}
	return nil
}

// write releases one Certificate as it is now, not as it was when the table was made.
func (r *releasing) write(ctx context.Context, writer cluster.Writer, one *released) (err error) {
	name := types.NamespacedName{Namespace: one.seen.Namespace, Name: one.seen.Name}
	for range handoverTries {
		live, err := r.known.live(ctx, name)
		switch {
		case err != nil:
			return err
		case live == nil:
			return errors.New("the Certificate isn't there any more")
		}
		one.seen = *live
		now := r.o.give(one)
		switch {
		case !now.Refused.IsZero():
			return errors.New(now.Refused.String())
		case now.Patch == nil:
			return nil
		}
		_, err = writer.Patch(ctx, name, now.Patch)
		if answer := cluster.AnswerOf(err); answer != cluster.Conflict && answer != cluster.Outdated {
			return err
		}
	}
	return fmt.Errorf("it changed %d times while it was to be written; run it again", handoverTries)
}
