package app

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	goyaml "go.yaml.in/yaml/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/doctor"
	"github.com/certshim/certshim/problem"
)

// lookAtInstallation reads certshim's Deployment, and what belongs to it.
func (e *examination) lookAtInstallation(ctx context.Context) {
	if e.running = e.plan.running; e.running == nil {
		var err error
		if e.running, err = e.findRunning(ctx); e.running == nil {
			e.seen.Installation = known[*doctor.Installation](nil, err)
			return
		}
	}
	i := &doctor.Installation{
		Name:  e.running.name,
		Ready: integer(e.running.object.Object, 0, "status", "readyReplicas"), Wanted: integer(e.running.object.Object, 1, "spec", "replicas"),
		LeaderElection: e.plan.configuration.LeaderElect.Enabled,
	}
	e.seen.Installation.Value = i
	i.Pods = known(e.pods(ctx))
	i.Lease = known(e.lease(ctx))
	i.ConfigMap, i.Changed = e.running.changed(ctx)
	if e.plan.settings.file != "" {
		e.seen.Drift = known(e.drift(ctx))
	}
}

func (e *examination) findRunning(ctx context.Context) (*running, error) {
	config, err := e.plan.connection.config()
	if err != nil {
		return nil, err
	}
	return findRunning(ctx, config, e.plan.release)
}

// pods are certshim's, and what each of them says of itself.
func (e *examination) pods(ctx context.Context) (pods []doctor.Pod, err error) {
	items, err := e.podsOf(ctx, *e.running.object)
	for _, item := range items {
		pod := podOf(item)
		pod.Metrics = known(e.metrics(ctx, item))
		pods = append(pods, pod)
	}
	return pods, err
}

// podsOf are those that a Deployment selects, and that aren't about to end.
func (e *examination) podsOf(ctx context.Context, deployment unstructured.Unstructured) ([]unstructured.Unstructured, error) {
	selector, _, err := unstructured.NestedStringMap(deployment.Object, "spec", "selector", "matchLabels")
	if err != nil || len(selector) == 0 {
		return nil, fmt.Errorf("the Deployment %s/%s selects by no labels", deployment.GetNamespace(), deployment.GetName())
	}
	resource := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	items, err := e.list(ctx, resource, deployment.GetNamespace(), metav1.ListOptions{LabelSelector: labels.FormatLabels(selector)})
	return slices.DeleteFunc(items, func(pod unstructured.Unstructured) bool { return pod.GetDeletionTimestamp() != nil }), err
}

// podOf reads a Pod: the image that its container runs, if it runs already, else the one that it names.
func podOf(item unstructured.Unstructured) doctor.Pod {
	pod := doctor.Pod{Name: item.GetName(), Host: hostOf(item), Started: item.GetCreationTimestamp().Time}
	containers, _, _ := unstructured.NestedSlice(item.Object, "spec", "containers")
	statuses, _, _ := unstructured.NestedSlice(item.Object, "status", "containerStatuses")
	named := ""
	for _, one := range containers {
		fields, _ := one.(map[string]any)
		args, _, _ := unstructured.NestedStringSlice(fields, "args")
		command, _, _ := unstructured.NestedStringSlice(fields, "command")
		if slices.Contains(slices.Concat(command, args), "controller") {
			named, _, _ = unstructured.NestedString(fields, "name")
			pod.Image, _, _ = unstructured.NestedString(fields, "image")
		}
	}
	for _, one := range statuses {
		fields, _ := one.(map[string]any)
		if fields["name"] == named && named != "" {
			if id, _, _ := unstructured.NestedString(fields, "imageID"); id != "" {
				pod.Image = id
			}
		}
	}
	return pod
}

func (e *examination) lease(ctx context.Context) (*doctor.Lease, error) {
	namespace, name := e.leaseAt()
	lease, err := e.reading.connection.Leases.Leases(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	seen := leaseOf(lease)
	return &seen, nil
}

// leaseAt is where the leader's Lease is.
func (e *examination) leaseAt() (namespace, name string) {
	elect := e.plan.configuration.LeaderElect
	if namespace = elect.Namespace; namespace == "" {
		namespace = e.plan.release
	}
	return namespace, elect.LeaseName
}

// changed is the ConfigMap that has the configuration file, and when it was last written. Both are zero where there is
// none, or where it can't be read.
func (r *running) changed(ctx context.Context) (name string, at time.Time) {
	config, err := r.configFile()
	if err != nil || config == "" {
		return "", at
	}
	for _, m := range r.mounts {
		object, err := r.configMap(ctx, m.configMap)
		if err != nil {
			continue
		}
		for key := range dataOf(object) {
			if file, is := m.file(key); is && file == path.Clean(config) {
				return m.configMap, lastWrite(object)
			}
		}
	}
	return "", at
}

// lastWrite is the time of the newest entry of managedFields, or of the creation.
func lastWrite(object *unstructured.Unstructured) time.Time {
	last := object.GetCreationTimestamp().Time
	for _, entry := range object.GetManagedFields() {
		if entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}

// maxDrift is how many differences are told.
const maxDrift = 10

// drift is what differs between the configuration that was given and the one that runs.
func (e *examination) drift(ctx context.Context) ([]string, error) {
	runs, err := e.running.configuration(ctx)
	if err != nil {
		return nil, err
	}
	return configurationDrift(e.plan.configuration, runs)
}

// configurationDrift are the fields in which two configurations differ, at most maxDrift of them.
func configurationDrift(given, runs configuration.Configuration) ([]string, error) {
	a, err := flatten(given)
	if err != nil {
		return nil, err
	}
	b, err := flatten(runs)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(a)
	maps.Copy(all, b)
	var different []string
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if a[field] != b[field] {
			different = append(different, fmt.Sprintf("%s is %s, and given is %s", field, shownValue(b[field]), shownValue(a[field])))
		}
	}
	if more := len(different) - maxDrift; more > 0 {
		different = append(different[:maxDrift], fmt.Sprintf("and %d more", more))
	}
	return different, nil
}

func shownValue(value string) string {
	if value == "" {
		return "not there"
	}
	return problem.Cut(value)
}

// flatten gives the values of a configuration by their paths. Lists are values.
func flatten(c configuration.Configuration) (map[string]string, error) {
	text, err := goyaml.Marshal(c)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := yaml.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	flat := map[string]string{}
	flattenInto(flat, "", fields)
	return flat, nil
}

func flattenInto(flat map[string]string, at string, value any) {
	fields, isMap := value.(map[string]any)
	if !isMap {
		flat[at] = fmt.Sprint(value)
		return
	}
	for name, field := range fields {
		flattenInto(flat, join(at, name), field)
	}
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}
