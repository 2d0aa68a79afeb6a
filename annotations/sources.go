package annotations

import (
	"reflect"
	"slices"
)

// Sources returns the keys of an object by the Certificate field that they set, in the order of
// the table. Keys that aren't read or have an invalid value are left out; a key such as
// alt-names may set several fields.
func (p *Parser) Sources(in map[string]string) map[Field][]string {
	sources := map[Field][]string{}
	for _, row := range p.rows {
		value, there := in[row.Key]
		if !there || row.parse == nil {
			continue
		}
		request, _ := p.Parse(map[string]string{row.Key: value})
		for _, field := range request.Fields() {
			sources[field] = append(sources[field], row.Key)
		}
	}
	return sources
}

// Fields are the fields that a request asks for, sorted.
func (q Request) Fields() []Field {
	var set []Field
	for field, value := range map[Field]any{
		FieldIssuerRef: q.Issuer, FieldCommonName: q.CommonName, FieldDNSNames: q.DNSNames, FieldIPAddresses: q.IPAddresses,
		FieldURIs: q.URIs, FieldEmailAddresses: q.EmailAddresses, FieldSubject: q.Subject, FieldDuration: q.Duration,
		FieldRenewBefore: q.RenewBefore, FieldRenewBeforePercentage: q.RenewBeforePercentage, FieldUsages: q.Usages,
		FieldRevisionHistoryLimit: q.RevisionHistoryLimit, FieldPrivateKey: q.PrivateKey,
		FieldSecretTemplate: q.SecretTemplate, FieldAnnotations: q.ACME,
	} {
		if !reflect.ValueOf(value).IsZero() {
			set = append(set, field)
		}
	}
	slices.Sort(set)
	return set
}
