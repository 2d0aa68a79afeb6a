package controller

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"

	"golang.org/x/time/rate"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/source"
)

// The reasons of cert-manager's shims for what was done.
const (
	createdReason = "CreateCertificate"
	updatedReason = "UpdateCertificate"
	deletedReason = "DeleteCertificate"
)

// The results by which events are counted.
const (
	eventSent        = "sent"
	eventExists      = "known"
	eventDropped     = "dropped"
	eventTerminating = "terminating"
	eventFailed      = "failed"
)

// eventResults are all of them.
func eventResults() []string {
	return []string{eventSent, eventExists, eventDropped, eventTerminating, eventFailed}
}

// Limits of what is told: by size of a note, by time, by the bytes that may wait, and by how long
// the API server may take.
const (
	maxNote        = 1024
	warningsPerSec = 20
	warningBurst   = 100
	normalsPerSec  = 5
	normalBurst    = 50
	maxWarnings    = 4 << 20
	maxNormals     = 128 << 10
	eventTimeout   = 10 * time.Second
)

// recorder sends Events at a bounded rate: problems and what was done, each in a line of its own.
// What would overtax the API server is dropped and counted.
type recorder struct {
	create   func(context.Context, *eventsv1.Event) error
	metrics  *metrics
	log      *slog.Logger
	warnings *line
	normals  *line
	instance string
	// In a burst of creations Events would cost the API server as much as the Certificates.
	warningLimit, normalLimit *rate.Limiter
	// dropped takes what found no room, and answered what became of an Event.
	dropped  func([]letter)
	answered func(l letter, result string, again bool, now time.Time)
}

func newRecorder(client eventsclient.EventsV1Interface, metrics *metrics, log *slog.Logger) *recorder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	r := &recorder{
		create: func(ctx context.Context, e *eventsv1.Event) error {
			ctx, cancel := cluster.WithRequestTimeout(ctx)
			defer cancel()
			_, err := client.Events(e.Namespace).Create(ctx, e, metav1.CreateOptions{})
			return err
		},
		metrics: metrics, log: log, instance: "certshim-" + host,
		warnings: newLine(maxWarnings), normals: newLine(maxNormals),
		warningLimit: rate.NewLimiter(warningsPerSec, warningBurst), normalLimit: rate.NewLimiter(normalsPerSec, normalBurst),
		answered: func(letter, string, bool, time.Time) {},
	}
	r.dropped = r.countDropped
	return r
}

// did tells what was done to a Certificate.
func (r *recorder) did(ref source.Ref, reason, note string, now time.Time) {
	r.once(r.normals, ref, corev1.EventTypeNormal, reason, note, now)
}

// warnOf tells of something that is no object's problem but the program's own.
func (r *recorder) warnOf(ref source.Ref, reason, note string, now time.Time) {
	r.once(r.warnings, ref, corev1.EventTypeWarning, reason, note, now)
}

// once adds an Event that is sent once or not at all, beside those that wait.
func (r *recorder) once(l *line, ref source.Ref, kind, reason, note string, now time.Time) {
	ref = cloned(ref)
	n := notice{
		kind: kind, reason: reason, note: cut(note, maxNote), at: now,
		name: eventName(ref, reason+note, strconv.FormatInt(now.UnixNano(), 36)),
	}
	r.dropped(l.put(inventory.KeyOf(ref), ref, func(notice) bool { return true }, n))
}

// countDropped counts what found no room.
func (r *recorder) countDropped(dropped []letter) {
	r.metrics.events.WithLabelValues(eventDropped).Add(float64(len(dropped)))
}

// cloned is a reference that keeps no part of its object alive.
func cloned(ref source.Ref) source.Ref {
	ref.Namespace, ref.Name, ref.UID = strings.Clone(ref.Namespace), strings.Clone(ref.Name), strings.Clone(ref.UID)
	return ref
}

func (r *recorder) event(l letter) *eventsv1.Event {
	return &eventsv1.Event{
		// Events of objects without a namespace are in the default one: the API server demands it.
		ObjectMeta:          metav1.ObjectMeta{Namespace: cmp.Or(l.source.Namespace, metav1.NamespaceDefault), Name: l.name},
		EventTime:           metav1.NewMicroTime(l.at),
		ReportingController: "certshim",
		ReportingInstance:   r.instance,
		Action:              l.reason,
		Reason:              l.reason,
		Type:                l.kind,
		Note:                l.note,
		Regarding: corev1.ObjectReference{
			APIVersion: l.source.APIVersion(), Kind: l.source.Kind,
			Namespace: l.source.Namespace, Name: l.source.Name, UID: types.UID(l.source.UID),
		},
	}
}

// eventName is made of the object's name, and of a hash of its uid and what is reported. It
// stays within the 253 bytes of a name.
func eventName(ref source.Ref, reported, suffix string) string {
	const longest = 200
	h := fnv.New64a()
	h.Write([]byte(ref.UID + "\x00" + reported))
	name := strings.TrimRight(ref.Name[:min(len(ref.Name), longest)], ".-")
	name += fmt.Sprintf(".%016x", h.Sum64())
	if suffix != "" {
		name += "." + suffix
	}
	return name
}

// cut shortens text at a character's boundary. Control characters and line breaks, which a
// stranger may have written into what the API server quotes, become blanks: kubectl shows the
// first line of a note alone.
func cut(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if len(text) <= most {
		return text
	}
	const more = "…"
	end := max(most-len(more), 0)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// run sends until the context ends.
func (r *recorder) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() {
		for r.sendNext(ctx, r.normals, r.normalLimit) {
		}
	})
	for r.sendNext(ctx, r.warnings, r.warningLimit) {
	}
	running.Wait()
}

// sendNext waits for a notice and for the rate limit. The notice is taken from the line only then,
// so that it is the latest. It returns false once the context has ended.
func (r *recorder) sendNext(ctx context.Context, from *line, limit *rate.Limiter) bool {
	if !from.await(ctx) || limit.Wait(ctx) != nil {
		return false
	}
	if next, found := from.take(); found {
		r.send(ctx, next)
	}
	return true
}

// send creates the Event.
func (r *recorder) send(ctx context.Context, l letter) {
	ctx, stop := context.WithTimeout(ctx, eventTimeout)
	defer stop()
	err := r.create(ctx, r.event(l))
	result, again := resultOf(err)
	r.metrics.events.WithLabelValues(result).Inc()
	if result == eventFailed {
		r.log.Debug("an Event was not taken", "namespace", l.source.Namespace, "name", l.source.Name, "reason", l.reason, "error", err)
	}
	r.answered(l, result, again, time.Now())
}

// resultOf says what became of an Event, and whether another try may help. A namespace that
// is being deleted, or gone, takes none.
func resultOf(err error) (result string, again bool) {
	switch {
	case err == nil:
		return eventSent, false
	case apierrors.IsAlreadyExists(err):
		return eventExists, false
	case apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return eventTerminating, false
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return eventFailed, false
	default:
		return eventFailed, true
	}
}

// nameFor is the name of a Certificate as it is written on its source.
func nameFor(ref source.Ref, d certificate.Decision) string {
	return certificate.NameFrom(&source.Object{Ref: ref}, d.At())
}
