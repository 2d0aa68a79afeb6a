package app

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/cmd/certshim/app/report"
	"github.com/certshim/certshim/issuance"
)

// How many Certificates of an HTML report have Events beside them, and how many each.
const (
	mostWithEvents = 200
	mostEventsEach = 20
)

// events reads those of some Certificates. Where they may not be read, a note says so, and nothing
// fails.
func (a *auditing) events(ctx context.Context, of []report.Name) (events map[report.Name][]report.Event, notes []string) {
	events = map[report.Name][]report.Event{}
	if a.known.events == nil {
		return nil, nil
	}
	unreadable := map[string]bool{}
	for _, name := range of {
		if unreadable[name.Namespace] {
			continue
		}
		a.o.plan.progress.count("Certificates whose Events are read")
		found, err := a.known.events(ctx, types.NamespacedName{Namespace: name.Namespace, Name: name.Name})
		if err != nil {
			unreadable[name.Namespace] = true
			notes = append(notes, "the Events of namespace "+name.Namespace+" aren't shown: "+err.Error())
		}
		if len(found) > 0 {
			events[name] = found
		}
	}
	return events, notes
}

// readEvents lists the Events of a Certificate.
func (r *reading) readEvents(ctx context.Context, of types.NamespacedName) ([]report.Event, error) {
	client, err := r.connection.Dynamic(nil, nil)
	if err != nil {
		return nil, err
	}
	about := fields.Set{"involvedObject.kind": issuance.KindCertificate, "involvedObject.name": of.Name}
	list, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace(of.Namespace).
		List(ctx, metav1.ListOptions{FieldSelector: about.String(), Limit: mostEventsEach})
	if err != nil {
		return nil, fmt.Errorf("list Events: %w", err)
	}
	var events []report.Event
	for _, item := range list.Items {
		events = append(events, eventOf(item.Object))
	}
	return events, nil
}

// eventOf reads an Event of the core group.
func eventOf(content map[string]any) report.Event {
	read := issuance.ReadEvent(content)
	text := func(path ...string) string {
		value, _, _ := unstructured.NestedString(content, path...)
		return value
	}
	number := func(path ...string) int64 {
		value, _, _ := unstructured.NestedInt64(content, path...)
		return value
	}
	reporter := text("reportingComponent")
	if reporter == "" {
		reporter = text("source", "component")
	}
	return report.Event{
		At: read.Last, Count: int(max(number("count"), number("series", "count"))),
		Type: text("type"), Reason: read.Reason, Message: read.Message, Reporter: reporter,
	}
}
