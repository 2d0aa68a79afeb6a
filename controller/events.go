package controller

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"strconv"
	"strings"
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

	"github.com/certshim/certshim/problem"
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
	eventSent    = "sent"
	eventExists  = "known"
	eventDropped = "dropped"
	eventFailed  = "failed"
)

// Limits of what is reported: by size of a note, by object and decision, by time, by what may
// wait, and by attempts.
const (
	maxNote        = 1024
	maxReported    = 10
	warningsPerSec = 20
	warningBurst   = 100
	normalsPerSec  = 5
	normalBurst    = 50
	maxWarnings    = 10000
	maxNormals     = 200
	eventAttempts  = 4
)

// event is an Event to be sent, and how often that was tried.
type event struct {
	*eventsv1.Event
	tries int
}

// recorder sends Events one after another, warnings first. What would overtax the API
// server is dropped and counted: a Normal event at once, a warning when very many wait.
type recorder struct {
	client   eventsclient.EventsV1Interface
	metrics  *metrics
	log      *slog.Logger
	warnings chan event
	normals  chan event
	instance string
	// In a burst of creations Events would cost the API server as much as the Certificates.
	warningLimit, normalLimit *rate.Limiter
}

func newRecorder(client eventsclient.EventsV1Interface, metrics *metrics, log *slog.Logger) *recorder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &recorder{
		client: client, metrics: metrics, log: log, instance: "certshim-" + host,
		warnings: make(chan event, maxWarnings), normals: make(chan event, maxNormals),
		warningLimit: rate.NewLimiter(warningsPerSec, warningBurst), normalLimit: rate.NewLimiter(normalsPerSec, normalBurst),
	}
}

// did tells what was done to a Certificate.
func (r *recorder) did(ref source.Ref, reason, note string, now time.Time) {
	e := newEvent(ref, corev1.EventTypeNormal, reason, note, now)
	e.Name = eventName(ref, reason+note, strconv.FormatInt(now.UnixNano(), 36))
	r.queue(r.normals, e)
}

// warn tells a problem. Times counts its earlier appearances: the first time the name of
// the Event is the same for every process, so that a restart tells nothing twice.
func (r *recorder) warn(ref source.Ref, p problem.Problem, times int, now time.Time) bool {
	kind := corev1.EventTypeWarning
	if p.Severity == problem.Info {
		kind = corev1.EventTypeNormal
	}
	e := newEvent(ref, kind, string(p.Reason), p.Error(), now)
	suffix := ""
	if times > 0 {
		suffix = strconv.FormatInt(now.UnixNano(), 36)
	}
	e.Name = eventName(ref, string(p.Reason)+p.Error(), suffix)
	return r.queue(r.warnings, e)
}

// warnOf tells of something that is no object's problem but the program's own.
func (r *recorder) warnOf(ref source.Ref, reason, note string, now time.Time) {
	e := newEvent(ref, corev1.EventTypeWarning, reason, note, now)
	e.Name = eventName(ref, reason+note, strconv.FormatInt(now.UnixNano(), 36))
	r.queue(r.warnings, e)
}

func (r *recorder) queue(lane chan event, e *eventsv1.Event) bool {
	e.ReportingInstance = r.instance
	select {
	case lane <- event{Event: e}:
		return true
	default:
		r.metrics.events.WithLabelValues(eventDropped).Inc()
		return false
	}
}

func newEvent(ref source.Ref, kind, reason, note string, now time.Time) *eventsv1.Event {
	return &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: ref.Namespace},
		EventTime:           metav1.NewMicroTime(now),
		ReportingController: "certshim",
		Action:              reason,
		Reason:              reason,
		Type:                kind,
		Note:                cut(note, maxNote),
		Regarding: corev1.ObjectReference{
			APIVersion: ref.APIVersion(), Kind: ref.Kind,
			Namespace: ref.Namespace, Name: ref.Name, UID: types.UID(ref.UID),
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

// cut shortens text at a character's boundary. Control characters, which a stranger may
// have written into what the API server quotes, become blanks; line ends stay.
func cut(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if len(text) <= most {
		return text
	}
	const more = "…"
	end := most - len(more)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// run sends until the context ends.
func (r *recorder) run(ctx context.Context) {
	for r.sendNext(ctx) {
	}
}

// sendNext waits for an Event and its turn; false means that the context has ended.
func (r *recorder) sendNext(ctx context.Context) bool {
	e, normal, found := r.next(ctx)
	switch {
	case !found:
		return false
	case normal && !r.normalLimit.Allow():
		r.metrics.events.WithLabelValues(eventDropped).Inc()
		return true
	case !normal && r.warningLimit.Wait(ctx) != nil:
		return false
	}
	r.send(ctx, e, normal)
	return true
}

// next gives a warning if one waits, else whatever comes first.
func (r *recorder) next(ctx context.Context) (e event, normal, found bool) {
	select {
	case e = <-r.warnings:
		return e, false, true
	default:
	}
	select {
	case e = <-r.warnings:
		return e, false, true
	case e = <-r.normals:
		return e, true, true
	case <-ctx.Done():
		return e, false, false
	}
}

// send creates the Event; a warning that failed waits for another turn.
func (r *recorder) send(ctx context.Context, e event, normal bool) {
	_, err := r.client.Events(e.Namespace).Create(ctx, e.Event, metav1.CreateOptions{})
	switch {
	case err == nil:
		r.metrics.events.WithLabelValues(eventSent).Inc()
	case apierrors.IsAlreadyExists(err):
		r.metrics.events.WithLabelValues(eventExists).Inc()
	case normal, e.tries >= eventAttempts, apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		r.metrics.events.WithLabelValues(eventFailed).Inc()
		r.log.Debug("an Event was not taken", "namespace", e.Namespace, "name", e.Regarding.Name, "reason", e.Reason, "error", err)
	default:
		e.tries++
		time.AfterFunc(time.Duration(e.tries)*time.Second, func() { r.requeue(e) })
	}
}

func (r *recorder) requeue(e event) {
	select {
	case r.warnings <- e:
	default:
		r.metrics.events.WithLabelValues(eventDropped).Inc()
	}
}
