package ownership

import (
	"strings"
	"sync"

	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// structs are the fields of the Certificate that have named fields of their own, by path, as in
// cert-manager's CRD. The names of lists, which are all atomic, end in []. A field that a newer CRD
// adds is taken for granular if it is a map.
var structs = map[string]string{
	"spec": "additionalOutputFormats[] commonName dnsNames[] duration emailAddresses[] encodeUsagesInRequest ipAddresses[] isCA issuerRef " +
		"keystores literalSubject nameConstraints otherNames[] privateKey renewBefore renewBeforePercentage renewal revisionHistoryLimit " +
		"secretName secretTemplate signatureAlgorithm subject uris[] usages[]",
	"spec.issuerRef":                          "group kind name",
	"spec.keystores":                          "jks pkcs12",
	"spec.keystores.jks":                      "alias create password passwordSecretRef",
	"spec.keystores.jks.passwordSecretRef":    "key name",
	"spec.keystores.pkcs12":                   "create password passwordSecretRef profile",
	"spec.keystores.pkcs12.passwordSecretRef": "key name",
	"spec.nameConstraints":                    "critical excluded permitted",
	"spec.nameConstraints.excluded":           "dnsDomains[] emailAddresses[] ipRanges[] uriDomains[]",
	"spec.nameConstraints.permitted":          "dnsDomains[] emailAddresses[] ipRanges[] uriDomains[]",
	"spec.privateKey":                         "algorithm encoding rotationPolicy size",
	"spec.renewal":                            "policy windows[]",
	"spec.secretTemplate":                     "annotations labels",
	"spec.subject":                            "countries[] localities[] organizationalUnits[] organizations[] postalCodes[] provinces[] serialNumber streetAddresses[]",
	"status":                                  "acme conditions failedIssuanceAttempts lastFailureTime nextPrivateKeySecretName notAfter notBefore renewalTime revision",
	"status.acme":                             "ari",
	"status.acme.ari":                         "explanationURL lastChecked lastError nextCheck suggestedWindow",
	"status.acme.ari.suggestedWindow":         "end start",
}

// Names of the types in the schema that aren't those of [structs].
const (
	typeObject   = "certificate"
	typeMetadata = "metadata"
	typeAtom     = "__untyped_atomic_"
	// typeAny is known to structured-merge-diff by this name, as one without a schema.
	typeAny = "__untyped_deduced_"
)

// certificateType is the granularity of ownership of a Certificate.
var certificateType = sync.OnceValue(func() typed.ParseableType {
	types := []schema.TypeDef{
		{Name: typeAtom, Atom: untyped(mapOf(typeAtom, schema.Atomic), atomicList())},
		{Name: typeAny, Atom: untyped(mapOf(typeAny, schema.Separable), atomicList())},
		{Name: typeObject, Atom: schema.Atom{Map: &schema.Map{
			Fields:      []schema.StructField{field("metadata", typeMetadata), field("spec", "spec"), field("status", "status")},
			ElementType: named(typeAny),
		}}},
		{Name: typeMetadata, Atom: schema.Atom{Map: &schema.Map{
			Fields: []schema.StructField{
				field("labels", typeAny), field("annotations", typeAny),
				keyedList("ownerReferences", "uid", schema.Atom{Map: mapOf(typeAtom, schema.Atomic)}), setOf("finalizers"),
			},
			ElementType: named(typeAny),
		}}},
	}
	for path, names := range structs {
		types = append(types, schema.TypeDef{Name: path, Atom: schema.Atom{Map: &schema.Map{Fields: fieldsOf(path, names), ElementType: named(typeAny)}}})
	}
	return typed.ParseableType{Schema: &schema.Schema{Types: types}, TypeRef: named(typeObject)}
})

func fieldsOf(path, names string) []schema.StructField {
	var fields []schema.StructField
	for name := range strings.FieldsSeq(names) {
		below := path + "." + name
		list, isList := strings.CutSuffix(name, "[]")
		switch _, isStruct := structs[below]; {
		case isList:
			fields = append(fields, schema.StructField{Name: list, Type: schema.TypeRef{Inlined: schema.Atom{List: atomicList()}}})
		case isStruct:
			fields = append(fields, field(name, below))
		case below == "status.conditions":
			fields = append(fields, keyedList(name, "type", schema.Atom{Map: mapOf(typeAny, schema.Separable)}))
		default:
			fields = append(fields, field(name, typeAny))
		}
	}
	return fields
}

func named(name string) schema.TypeRef { return schema.TypeRef{NamedType: &name} }

func field(name, of string) schema.StructField {
	return schema.StructField{Name: name, Type: named(of)}
}

func untyped(m *schema.Map, l *schema.List) schema.Atom {
	scalar := schema.Scalar("untyped")
	return schema.Atom{Scalar: &scalar, Map: m, List: l}
}

func mapOf(element string, how schema.ElementRelationship) *schema.Map {
	return &schema.Map{ElementType: named(element), ElementRelationship: how}
}

func atomicList() *schema.List {
	return &schema.List{ElementType: named(typeAtom), ElementRelationship: schema.Atomic}
}

func keyedList(name, key string, element schema.Atom) schema.StructField {
	list := &schema.List{ElementType: schema.TypeRef{Inlined: element}, ElementRelationship: schema.Associative, Keys: []string{key}}
	return schema.StructField{Name: name, Type: schema.TypeRef{Inlined: schema.Atom{List: list}}}
}

func setOf(name string) schema.StructField {
	scalar := schema.Scalar("string")
	list := &schema.List{ElementType: schema.TypeRef{Inlined: schema.Atom{Scalar: &scalar}}, ElementRelationship: schema.Associative}
	return schema.StructField{Name: name, Type: schema.TypeRef{Inlined: schema.Atom{List: list}}}
}
