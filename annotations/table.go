package annotations

import (
	"slices"

	acme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cm "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
)

// Row describes one annotation key.
type Row struct {
	Key string `json:"key"`
	// On says on which kinds the key has an effect.
	On string `json:"on"`
	// Field is the Certificate field that the key sets.
	Field Field `json:"field,omitempty"`
	// Grammar describes the valid values in words.
	Grammar string `json:"grammar"`
	Doc     string `json:"doc"`
	// Example is a valid value.
	Example string `json:"example,omitempty"`
	// Difference says how cert-manager's shims read the value differently.
	Difference string `json:"difference,omitempty"`
	// Instead says, for a key without effect on a source, what to use. The operator may still
	// have the key copied.
	Instead string `json:"instead,omitempty"`

	// WholeObject says, for a key that counts for the whole object and not in certshim.io/sections, what
	// to do instead.
	WholeObject string `json:"wholeObject,omitempty"`

	// Admits is nil where CEL can't say anything of the grammar.
	Admits Admits `json:"-"`

	// parse is nil for keys without effect, and for the auto key, which the operator may
	// replace.
	parse parse
}

const (
	everywhere       = "all"
	onIngress        = "Ingress"
	onListeners      = "Gateway, ListenerSet"
	onListenerSet    = "ListenerSet"
	onCertificate    = "Certificate"
	anyText          = "any text"
	dropsAndTrims    = "White space is trimmed, empty items and repeats are dropped."
	trueAlone        = "true, exactly"
	triggersBy       = "Its presence makes the object count."
	writtenByShim    = "certshim writes it on the Certificate itself, where it is needed"
	leaveOutByName   = "name the listener or Secret in " + IgnoreKey + " of the object"
	sectionsGrammar  = "YAML or JSON, a mapping of names of listeners or Secrets to mappings of annotation keys to values, without anchors and aliases"
	extraKeysInstead = "to copy it, the operator lists it in --extra-certificate-annotations"
)

// Table returns all known keys, in the order of the reference page. Adding a row is all that a
// new key needs.
func Table() []Row {
	return slices.Concat(issuerRows(), sectionRows(), ignoreRows(), nameRows(), subjectRows(), lifetimeRows(), keyRows(), acmeRows(), inertRows())
}

func issuerRows() []Row {
	return []Row{
		{
			Key: IssuerKey, On: everywhere, Field: FieldIssuerRef, Grammar: "the name of an issuer",
			Doc: "The issuer, in the namespace of the object unless issuer-kind says otherwise. " + triggersBy, Example: "ca",
			Difference: "An empty value is no trigger; cert-manager makes it an error.",
			parse:      text(func(q *Request) *string { return &q.Issuer.Name }),
		},
		{
			Key: ClusterKey, On: everywhere, Field: FieldIssuerRef, Grammar: "the name of a ClusterIssuer",
			Doc: "The cluster-wide issuer. " + triggersBy, Example: "letsencrypt",
			Difference: "An empty value is no trigger; cert-manager makes it an error.",
			parse:      text(func(q *Request) *string { return &q.Issuer.ClusterName }),
		},
		{
			Key: IssuerKindKey, On: everywhere, Field: FieldIssuerRef, Grammar: "the kind of the issuer, as in its manifest",
			Doc: "The kind of an external issuer.", Example: "StepIssuer",
			Difference: "An empty value is the same as none; cert-manager writes an issuerRef without a kind.",
			parse:      text(func(q *Request) *string { return &q.Issuer.Kind }),
		},
		{
			Key: IssuerGroupKey, On: everywhere, Field: FieldIssuerRef, Grammar: "the API group of the issuer, without a version",
			Doc: "The API group of an external issuer.", Example: "certmanager.step.sm",
			Difference: "An empty value is the same as none; cert-manager writes an issuerRef without a group.",
			parse:      text(func(q *Request) *string { return &q.Issuer.Group }),
		},
		{
			Key: DefaultAutoKey, On: onIngress, Grammar: "true or false, as Go's strconv.ParseBool reads them",
			Doc: "Asks for the operator's default issuer, if the object names none. " +
				"The operator may choose other keys: --auto-certificate-annotations.", Example: "true",
			Difference: "White space around the value is trimmed.",
		},
	}
}

// sectionRows has the key by which other keys count for one listener or Secret.
func sectionRows() []Row {
	return []Row{{
		Key: SectionsKey, On: everywhere, Grammar: sectionsGrammar,
		Doc: "Annotations that count for one listener or one Secret of the object: for each name, keys of this page, whole or by the part " +
			"behind their prefix. They take the place of the object's keys one by one; the four issuer keys take the place of the object's four together. " +
			"An issuer key of a section makes that section alone count. An empty value takes the object's away. " +
			"What is wrong in a section is told, and nothing is made or changed for its Secrets; the others go on. " +
			"Listeners of one Secret have to agree. At most 256 names.",
		Example: `{"web": {"cluster-issuer": "letsencrypt"}, "internal-tls": {"issuer": "ca", "duration": "24h"}}`, Difference: "cert-manager has no such key.",
		WholeObject: "a section has none of its own", parse: sectionsValue,
	}}
}

func ignoreRows() []Row {
	return []Row{
		{
			Key: ignoreListeners, On: onListeners, Grammar: "names of listeners, separated by commas",
			Doc: "Listeners that get no Certificate.", Example: "internal,legacy", WholeObject: leaveOutByName, parse: sections,
		},
		{
			Key: IgnoreKey, On: everywhere, Grammar: "true, or names of listeners or Secrets, separated by commas",
			Doc: "What gets no Certificate: the whole object, or what is named. A Certificate that exists stays.", Example: "web-tls",
			Difference: "cert-manager has no such key.", WholeObject: leaveOutByName, parse: ignore,
		},
		{
			Key: DeletionKey, On: everywhere, Grammar: "delete or retain",
			Doc: "With retain, the Certificates outlive the object, and TLS entries that are taken away: they have no owner reference, but " +
				"an annotation that ties them to the object, whose they are again when it asks for them again. A value that can't be read is " +
				"retain, and gives a warning. A ListenerSet doesn't inherit it. The operator sets what holds without it: ownership.deletionPolicy.",
			Example: "retain", Difference: "cert-manager has no such key.",
			WholeObject: "it also counts for what the object no longer names", parse: deletionPolicy,
		},
		{
			Key: ConflictsKey, On: everywhere, Grammar: "force, yield or fail",
			Doc: "What is done about a field of its Certificates that somebody else holds with another value, where no rule of the operator's " +
				"says so: set it, leave it to them, or change nothing of the Certificate. The operator decides what may be chosen: ownership.sourcesMay.",
			Example: "fail", Difference: "cert-manager has no such key.", Admits: admitsOneOf(ConflictsKey, "force", "yield", "fail"), parse: oneOf(func(q *Request) *string { return &q.Conflicts }, "force", "yield", "fail"),
		},
		{
			Key: RouteNamesKey, On: onListeners, Grammar: "true or false",
			Doc: "Certificates also get the names that attached routes bring, without wildcards, as far as the operator allows it: " +
				"gatewayAPI.routeNames. A ListenerSet doesn't inherit it.",
			Example: "true", Difference: "cert-manager has no such key.",
			WholeObject: "it counts for all listeners of the object", parse: routeNames,
		},
	}
}

func acmeRows() []Row {
	return []Row{
		{
			Key: classKey, On: onIngress, Field: FieldAnnotations, Grammar: anyText,
			Doc: "The ingress class of the HTTP-01 solver.", Example: "nginx",
			parse: text(func(q *Request) *string { return &q.ACME.IngressClass }),
		},
		{
			Key: classNameKey, On: onIngress, Field: FieldAnnotations, Grammar: anyText,
			Doc: "The ingressClassName of the HTTP-01 solver.", Example: "nginx",
			parse: text(func(q *Request) *string { return &q.ACME.IngressClassName }),
		},
		{
			Key: editInPlaceKey, On: onIngress, Field: FieldAnnotations, Grammar: trueAlone,
			Doc:     "The HTTP-01 solver edits this Ingress, and a temporary certificate is issued at once.",
			Example: "true", Difference: "Beside a class the class is ignored, with a warning; of both, cert-manager's Order fails.",
			parse: flag(func(q *Request) *bool { return &q.ACME.EditInPlace }),
		},
		{
			Key: acme.ACMECertificateHTTP01ParentRefFallback, On: onListenerSet, Field: FieldAnnotations,
			Grammar: "true or false, as Go's strconv.ParseBool reads them",
			Doc:     "The HTTP-01 solver's route names the Gateway as its parent, not the ListenerSet.", Example: "true",
			parse: boolean(func(q *Request) *bool { return &q.ACME.ParentRefFallback }),
		},
	}
}

func inertRows() []Row {
	inert := func(key, instead string) Row {
		return Row{Key: key, On: onCertificate, Grammar: "nothing", Doc: "Does nothing on a source.", Instead: instead}
	}
	return []Row{
		inert(cm.IssueTemporaryCertificateAnnotation, editInPlaceKey+" sets it on the Certificate; "+extraKeysInstead),
		inert(acme.ACMECertificateHTTP01IngressNameOverride, "use "+editInPlaceKey+"; "+extraKeysInstead),
		inert(acme.ACMECertificateHTTP01IngressClassOverride, "use "+classKey+"; "+extraKeysInstead),
		inert(acme.ACMECertificateHTTP01IngressClassNameOverride, "use "+classNameKey+"; "+extraKeysInstead),
		inert(acme.ACMECertificateHTTP01ParentRefKind, writtenByShim),
		inert(acme.ACMECertificateHTTP01ParentRefName, writtenByShim),
		inert(acme.ACMECertificateHTTP01ParentRefNamespace, writtenByShim+"; see "+acme.ACMECertificateHTTP01ParentRefFallback),
	}
}
