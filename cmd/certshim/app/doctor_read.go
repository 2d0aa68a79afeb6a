package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/doctor"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// examination reads what [doctor.Examine] goes by.
type examination struct {
	*doctorOptions
	reading *reading
	client  dynamic.Interface
	seen    *doctor.Seen
	// running is certshim's Deployment, nil if there is none or it isn't known.
	running *running
	// approver is the account of cert-manager's controller; without it noApprover says why.
	approver   account
	noApprover string
	// issuers are the kinds of external issuers that sources name.
	issuers []resolver.GroupKind
}

// look reads the cluster. Only one that can't be asked at all is an error.
func (o *doctorOptions) look(ctx context.Context) (*doctor.Seen, error) {
	r, err := newReading(ctx, &o.plan.connection, o.plan.policy, o.plan.configuration, metav1.NamespaceAll)
	if err != nil {
		return nil, err
	}
	r.lenient = true
	e := &examination{doctorOptions: o, reading: r, seen: &doctor.Seen{Pre: o.pre, CertManagerNamespace: o.certManager, ReleaseNamespace: o.plan.release}}
	if e.client, err = r.connection.Dynamic(nil, nil); err != nil {
		return nil, err
	}
	if !o.pre && o.plan.settings.file == "" && o.plan.running == nil {
		e.seen.Assumed = "the configuration that runs can't be read, and the defaults were taken"
	}
	e.lookAtServer()
	e.lookAtKinds()
	e.seen.Groups = e.groups(ctx)
	e.lookAtCertManager(ctx)
	e.seen.Definition = known(e.definition(ctx))
	e.seen.CertManagerLeases = known(e.certManagerLeases(ctx))
	e.seen.Webhook = known(e.webhook(ctx))
	if e.dryRunWrite {
		e.seen.DryRun = e.dryRun(ctx)
	}
	e.lookAtPlan(ctx)
	if !o.pre {
		e.lookAtInstallation(ctx)
		e.seen.Policies = known(e.policies(ctx))
	}
	e.lookAtAccess(ctx)
	return e.seen, ctx.Err()
}

// known is what was read, or why it wasn't.
func known[T any](value T, err error) doctor.Read[T] {
	if err != nil {
		return doctor.Read[T]{Why: err.Error()}
	}
	return doctor.Read[T]{Value: value}
}

func (e *examination) lookAtServer() {
	e.seen.Server = known(e.serverVersion())
	e.seen.Certificates.Value = e.reading.served.Has(certificate.Resource())
	if !e.seen.Certificates.Value && e.reading.served.Unknown(certificate.Resource().Group) {
		e.seen.Certificates.Why = "the API server doesn't say what it serves of cert-manager.io"
	}
}

func (e *examination) serverVersion() (string, error) {
	config, err := e.plan.connection.config()
	if err != nil {
		return "", err
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return "", err
	}
	version, err := client.ServerVersion()
	if err != nil {
		return "", err
	}
	return version.GitVersion, nil
}

func (e *examination) lookAtKinds() {
	on := e.plan.policy.Kinds
	add := func(kind source.Kind, off bool) {
		named := source.GroupKindOf(kind)
		resource, served := e.reading.served.SourcesOf(kind)
		e.seen.Kinds = append(e.seen.Kinds, doctor.Kind{Name: named.Kind + "." + named.Group, Resource: resource.GroupResource().String(), Shim: strings.TrimPrefix(kind.Shim(), shimPrefix), Served: served, Off: off, Unknown: !served && !e.reading.served.LacksSourcesOf(kind)})
	}
	for _, kind := range on.All() {
		add(kind, false)
	}
	for _, kind := range configuration.ShippedKinds().All() {
		named := source.GroupKindOf(kind)
		if _, is := on.Lookup(named.Group, named.Kind); !is {
			add(kind, true)
		}
	}
}

func (e *examination) list(ctx context.Context, resource schema.GroupVersionResource, namespace string, options metav1.ListOptions) ([]unstructured.Unstructured, error) {
	list, err := e.client.Resource(resource).Namespace(namespace).List(ctx, options)
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// lookAtCertManager reads its Deployments, and how its controller is started.
func (e *examination) lookAtCertManager(ctx context.Context) {
	items, err := e.list(ctx, deployments, e.certManager, metav1.ListOptions{})
	var all []doctor.Deployment
	e.noApprover = "cert-manager's controller isn't found in namespace " + e.certManager
	for _, item := range items {
		if !slices.Contains([]string{"cert-manager", "webhook", "cainjector"}, item.GetLabels()["app.kubernetes.io/name"]) {
			continue
		}
		d := doctor.Deployment{
			Name: item.GetName(), Component: item.GetLabels()["app.kubernetes.io/component"], Version: item.GetLabels()["app.kubernetes.io/version"],
			Ready: integer(item.Object, 0, "status", "readyReplicas"), Wanted: integer(item.Object, 1, "spec", "replicas"),
		}
		if d.Component == "controller" {
			e.readController(ctx, &d, item)
			d.Hosts = known(e.hosts(ctx, item))
		}
		all = append(all, d)
	}
	e.seen.CertManager = known(all, err)
}

// definition is the version of the CRD of Certificates, which cert-manager's chart writes as a label.
func (e *examination) definition(ctx context.Context) (string, error) {
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	crd, err := e.client.Resource(crds).Get(ctx, certificate.Resource().GroupResource().String(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return crd.GetLabels()["app.kubernetes.io/version"], nil
}

// readController reads which controllers of cert-manager's run.
func (e *examination) readController(ctx context.Context, d *doctor.Deployment, object unstructured.Unstructured) {
	e.approver = accountOf(object)
	parsed, err := decodeDeployment(object.Object)
	if err != nil {
		d.Unread = err.Error()
		return
	}
	for _, c := range parsed.Spec.Template.Spec.Containers {
		how := &running{name: d.Name, namespace: e.certManager, args: slices.Concat(c.Command, c.Args), mounts: parsed.Spec.Template.Spec.mounts(c), client: e.client}
		if err := readCertManager(ctx, how, d); err != nil {
			d.Unread = err.Error()
		}
	}
	switch {
	case d.Unread != "":
		e.noApprover = d.Unread
	case slices.Contains(d.Controllers, "-certificaterequests-approver"):
		e.noApprover = "cert-manager's own approver is off, and another one decides"
	default:
		e.noApprover = ""
	}
}

// readCertManager reads the configuration file of cert-manager's controller, and over it its flags.
func readCertManager(ctx context.Context, how *running, d *doctor.Deployment) error {
	d.LeaderElection, d.LeaseNamespace = true, certManagerElects
	name, err := how.configFile()
	if err != nil {
		return err
	}
	if name != "" {
		files, err := how.files(ctx, name)
		if err != nil {
			return err
		}
		var c struct {
			Controllers       []string `json:"controllers"`
			EnableGatewayAPI  bool     `json:"enableGatewayAPI"`
			EnableListenerSet bool     `json:"enableGatewayAPIListenerSet"`
			GatewayAPIConfig  struct {
				Enabled           bool `json:"enabled"`
				EnableListenerSet bool `json:"enableListenerSet"`
			} `json:"gatewayAPIConfig"`
			LeaderElection struct {
				Enabled   *bool  `json:"enabled"`
				Namespace string `json:"namespace"`
			} `json:"leaderElectionConfig"`
		}
		for _, text := range files {
			if err := yaml.Unmarshal([]byte(text), &c); err != nil {
				return err
			}
		}
		d.Controllers, d.GatewayAPI = c.Controllers, c.EnableGatewayAPI || c.GatewayAPIConfig.Enabled
		d.ListenerSets = c.EnableListenerSet || c.GatewayAPIConfig.EnableListenerSet
		if elect := c.LeaderElection; elect.Enabled != nil {
			d.LeaderElection = *elect.Enabled
		}
		if c.LeaderElection.Namespace != "" {
			d.LeaseNamespace = c.LeaderElection.Namespace
		}
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.StringSliceVar(&d.Controllers, "controllers", d.Controllers, "")
	flags.BoolVar(&d.GatewayAPI, "enable-gateway-api", d.GatewayAPI, "")
	flags.BoolVar(&d.ListenerSets, "enable-gateway-api-listenerset", d.ListenerSets, "")
	flags.BoolVar(&d.LeaderElection, "leader-elect", d.LeaderElection, "")
	flags.StringVar(&d.LeaseNamespace, "leader-election-namespace", d.LeaseNamespace, "")
	return parseKnown(flags, how.args)
}

// webhook finds the one that judges Certificates.
func (e *examination) webhook(ctx context.Context) (w doctor.Webhook, err error) {
	configurations := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"}
	items, err := e.list(ctx, configurations, "", metav1.ListOptions{})
	for _, item := range items {
		hooks, _, _ := unstructured.NestedSlice(item.Object, "webhooks")
		for _, hook := range hooks {
			if hook, is := hook.(map[string]any); is && judgesCertificates(hook) {
				return e.readWebhook(ctx, hook), nil
			}
		}
	}
	return w, err
}

func judgesCertificates(hook map[string]any) bool {
	rules, _, _ := unstructured.NestedSlice(hook, "rules")
	return slices.ContainsFunc(rules, func(rule any) bool {
		fields, _ := rule.(map[string]any)
		groups, _, _ := unstructured.NestedStringSlice(fields, "apiGroups")
		resources, _, _ := unstructured.NestedStringSlice(fields, "resources")
		return slices.Contains(groups, certificate.Resource().Group) &&
			slices.ContainsFunc(resources, func(r string) bool { return slices.Contains([]string{"certificates", "*", "*/*"}, r) })
	})
}

func (e *examination) readWebhook(ctx context.Context, hook map[string]any) doctor.Webhook {
	w := doctor.Webhook{Found: true}
	bundle, _, _ := unstructured.NestedString(hook, "clientConfig", "caBundle")
	w.Trusted = bundle != ""
	namespace, _, _ := unstructured.NestedString(hook, "clientConfig", "service", "namespace")
	name, _, _ := unstructured.NestedString(hook, "clientConfig", "service", "name")
	if name != "" {
		w.Service, w.Endpoints = namespace+"/"+name, known(e.endpoints(ctx, namespace, name))
	}
	return w
}

// endpoints counts the ready ones of a Service.
func (e *examination) endpoints(ctx context.Context, namespace, service string) (ready int, err error) {
	slicesOf := schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
	items, err := e.list(ctx, slicesOf, namespace, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + service})
	for _, item := range items {
		endpoints, _, _ := unstructured.NestedSlice(item.Object, "endpoints")
		for _, endpoint := range endpoints {
			fields, _ := endpoint.(map[string]any)
			// What doesn't say is ready.
			if is, told, _ := unstructured.NestedBool(fields, "conditions", "ready"); is || !told {
				ready++
			}
		}
	}
	return ready, err
}

// lookAtPlan plans all namespaces, and sees what shims have written of the Certificates that it reads. Objects of which the API
// server doesn't tell leave the plan unknown.
func (e *examination) lookAtPlan(ctx context.Context) {
	written := &shims{by: map[string]doctor.ShimWrites{}}
	e.reading.alongside = written.alongside
	e.seen.Plan = doctor.Read[doctor.Plan]{Value: doctor.Plan{Problems: map[problem.Reason]doctor.Count{}}}
	err := e.planAll(ctx)
	if err != nil {
		e.seen.Plan.Why = err.Error()
	} else {
		e.seen.Plan.Why = e.unlisted()
	}
	if e.seen.ShimWrites.Why = e.certificatesUnread(ctx, err); e.seen.ShimWrites.Why == "" {
		e.seen.ShimWrites.Value = written.sorted()
	}
}

// certificatesUnread says why the Certificates aren't known, empty if they are. A plan that failed before they were read keeps nobody from reading them.
func (e *examination) certificatesUnread(ctx context.Context, planned error) string {
	kind := inventory.CertificateKind()
	if planned != nil && !e.reading.read[kind] {
		planned = e.reading.permitted(e.reading.readCertificates(ctx))
	}
	switch {
	case e.reading.hasCertificates || e.reading.served.Lacks(kind):
		return ""
	case planned != nil:
		return planned.Error()
	case e.reading.forbidden[kind]:
		return e.unlisted()
	}
	return e.seen.Certificates.Why
}

func (e *examination) planAll(ctx context.Context) error {
	if err := e.reading.readAll(ctx); err != nil {
		return err
	}
	p := &e.seen.Plan.Value
	for one, err := range e.plan.decisions(ctx, e.reading.planInventory) {
		if err != nil {
			return err
		}
		p.Sources++
		for _, c := range one.outcome.Certificates {
			if slices.Contains([]certificate.Action{certificate.Create, certificate.Apply, certificate.Delete}, c.Action) {
				p.Writes++
			}
		}
		e.countProblems(one.object.Ref, one.outcome.Problems)
		e.countShims(one.object.Ref)
		e.noteIssuer(one.outcome.Issuer)
	}
	return nil
}

// unlisted says which of the kinds that a plan needs may not be listed; empty if all may.
func (e *examination) unlisted() string {
	var kinds []string
	for kind := range e.reading.forbidden {
		_, isSource := e.plan.policy.Kinds.Lookup(kind.Group, kind.Kind)
		if isSource || kind == inventory.CertificateKind() {
			kinds = append(kinds, kind.Kind+"."+kind.Group)
		}
	}
	if len(kinds) == 0 {
		return ""
	}
	slices.Sort(kinds)
	return "with these credentials, objects of " + strings.Join(kinds, ", ") + " may not be listed"
}

// countProblems counts each reason once for a source.
func (e *examination) countProblems(of source.Ref, problems problem.List) {
	counted := map[problem.Reason]bool{}
	for _, found := range problems.All() {
		isOfIssuer := slices.Contains(doctor.AboutIssuers(), found.Reason)
		if counted[found.Reason] || found.Severity != problem.Error && !isOfIssuer {
			continue
		}
		counted[found.Reason] = true
		count := e.seen.Plan.Value.Problems[found.Reason]
		if count.Number++; count.Number == 1 {
			count.Example = fmt.Sprintf("%s %s/%s: %s", of.Kind, of.Namespace, of.Name, found)
		}
		e.seen.Plan.Value.Problems[found.Reason] = count
	}
}

// countShims counts Certificates that certshim writes, and a shim of cert-manager's, too.
func (e *examination) countShims(ref source.Ref) {
	look := e.reading.Look(inventory.KeyOf(ref))
	defer look.Close()
	for _, seen := range look.CertificatesOf(ref) {
		if seen.Flags.Has(certificate.Applied) && seen.Flags.Has(certificate.ShimEntries) {
			count := &e.seen.Plan.Value.Shared
			if count.Number++; count.Number == 1 {
				count.Example = seen.Namespace + "/" + seen.Name
			}
		}
	}
}

func (e *examination) noteIssuer(issuer resolver.Issuer) {
	kind := resolver.GroupKind{Group: issuer.Group, Kind: issuer.Kind}
	if issuer.Name != "" && issuer.Group != resolver.CertManagerGroup && !slices.Contains(e.issuers, kind) {
		e.issuers = append(e.issuers, kind)
	}
}

// integer is a whole number in an object, or what it is if it isn't there.
func integer(object map[string]any, absent int, path ...string) int {
	value, found, err := unstructured.NestedInt64(object, path...)
	if !found || err != nil {
		return absent
	}
	return int(value)
}
