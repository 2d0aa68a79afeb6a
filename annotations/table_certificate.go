package annotations

import (
	"fmt"
	"strings"
	"time"

	cm "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
)

func nameRows() []Row {
	return []Row{
		{
			Key: cm.CommonNameAnnotationKey, On: everywhere, Field: FieldCommonName, Grammar: "text of at most 64 bytes",
			Doc: "The common name (CN).", Example: "www.example.com", Difference: "White space is trimmed; a name that is too long is refused at once; one that is the same as another name but for its spelling is written as that is.",
			Admits: admitsOwn(cm.CommonNameAnnotationKey, func(value string) string { return fmt.Sprintf("bytes(%s).size() <= %d", value, maxCN) }),
			parse:  commonName,
		},
		{
			Key: cm.AltNamesAnnotationKey, On: everywhere, Field: FieldDNSNames,
			Grammar: "DNS names, wildcards such as *.example.com, and IP addresses, separated by commas",
			Doc:     "More names, after the hosts of the object. IP addresses go to spec.ipAddresses.", Example: "a.example.com, *.b.example.com",
			Difference: dropsAndTrims + " IP addresses are taken as such, and what is no DNS name is refused.",
			Admits:     admitsItems(cm.AltNamesAnnotationKey, "("+celDNSName+" || "+celIP+")"),
			parse:      list(altName),
		},
		{
			Key: cm.IPSANAnnotationKey, On: everywhere, Field: FieldIPAddresses, Grammar: "IP addresses, separated by commas, without zones or leading zeros",
			Doc: "More IP addresses, after those among the hosts.", Example: "10.0.0.1, 2001:db8::1", Difference: dropsAndTrims,
			Admits: admitsItems(cm.IPSANAnnotationKey, celIP),
			parse:  list(ipAddress),
		},
		{
			Key: cm.URISANAnnotationKey, On: everywhere, Field: FieldURIs, Grammar: "absolute URIs, separated by commas; a comma inside one is written %2C",
			Doc: "URI names.", Example: "spiffe://example.com/ns/shop", Difference: "cert-manager doesn't read this key on a source.",
			Admits: admitsItems(cm.URISANAnnotationKey, celURI),
			parse:  list(uri),
		},
		{
			Key: cm.EmailsAnnotationKey, On: everywhere, Field: FieldEmailAddresses, Grammar: "bare e-mail addresses in ASCII, separated by commas",
			Doc: "E-mail names.", Example: "ops@example.com", Difference: dropsAndTrims,
			Admits: admitsItems(cm.EmailsAnnotationKey, "item.contains('@')"),
			parse:  list(emailAddress),
		},
	}
}

func subjectRows() []Row {
	in := func(key, what, doc, example string, field func(*Subject) *[]string) Row {
		return Row{
			Key: key, On: everywhere, Field: FieldSubject, Grammar: `one CSV record: items separated by commas, "in quotes" where they hold one`,
			Doc: doc, Example: example,
			Difference: "White space at both ends of the value and before a quote is dropped, as are empty items and repeats; around other items it stays, with a warning.",
			Admits: admitsOwn(key, func(value string) string {
				return fmt.Sprintf("%[1]s.split(',').size() <= %[2]d && %[1]s.matches(%[3]s)", value, maxItems, celRecord)
			}),
			parse: csvRecord(what, field),
		}
	}
	return []Row{
		in(cm.SubjectOrganizationsAnnotationKey, organizations, "Organizations (O).", `"Example, Inc.",Example Labs`, func(s *Subject) *[]string { return &s.Organizations }),
		in(cm.SubjectOrganizationalUnitsAnnotationKey, "organizational units", "Organizational units (OU).", `Platform`, func(s *Subject) *[]string { return &s.OrganizationalUnits }),
		in(cm.SubjectCountriesAnnotationKey, countries, "Countries (C), codes of two letters.", `DE,FR`, func(s *Subject) *[]string { return &s.Countries }),
		in(cm.SubjectProvincesAnnotationKey, "provinces", "Provinces or states (ST).", `Bavaria`, func(s *Subject) *[]string { return &s.Provinces }),
		in(cm.SubjectLocalitiesAnnotationKey, "localities", "Localities (L).", `Munich`, func(s *Subject) *[]string { return &s.Localities }),
		in(cm.SubjectPostalCodesAnnotationKey, postalCodes, "Postal codes.", `80331`, func(s *Subject) *[]string { return &s.PostalCodes }),
		in(cm.SubjectStreetAddressesAnnotationKey, "street addresses", "Street addresses.", `"Main Street 1, Back"`, func(s *Subject) *[]string { return &s.StreetAddresses }),
		{
			Key: cm.SubjectSerialNumberAnnotationKey, On: everywhere, Field: FieldSubject, Grammar: anyText,
			Doc: "The serial number in the subject.", Example: "4711", Difference: "White space is trimmed.",
			parse: serialNumber,
		},
	}
}

func lifetimeRows() []Row {
	return []Row{
		{
			Key: cm.DurationAnnotationKey, On: everywhere, Field: FieldDuration, Grammar: "a Go duration of at least 1h; the largest unit is h",
			Doc: "How long the certificate is asked to be valid.", Example: "2160h", Difference: "Less than 1h is refused at once.",
			Admits: admitsDuration(cm.DurationAnnotationKey, cm.MinimumCertificateDuration),
			parse:  durationAtLeast(func(q *Request) **time.Duration { return &q.Duration }, cm.MinimumCertificateDuration),
		},
		{
			Key: cm.RenewBeforeAnnotationKey, On: everywhere, Field: FieldRenewBefore,
			Grammar: "a Go duration of at least 5m and shorter than the duration (2160h if not set)",
			Doc:     "How long before its end the certificate is renewed.", Example: "360h", Difference: "What the API would refuse is refused at once.",
			Admits: admitsShorterThan(cm.RenewBeforeAnnotationKey, cm.DurationAnnotationKey, cm.MinimumRenewBefore, cm.MinimumCertificateDuration, cm.DefaultCertificateDuration),
			parse:  durationAtLeast(func(q *Request) **time.Duration { return &q.RenewBefore }, cm.MinimumRenewBefore),
		},
		{
			Key: cm.RenewBeforePercentageAnnotationKey, On: everywhere, Field: FieldRenewBeforePercentage,
			Grammar: "a whole number from 1 to 99 that leaves at least 5m before and after, and no " + cm.RenewBeforeAnnotationKey,
			Doc:     "The same, as a part of the duration.", Example: "25", Difference: "Values that renewal ignores, such as 0 and 100, are refused.",
			Admits: admitsAlone(cm.RenewBeforePercentageAnnotationKey, cm.RenewBeforeAnnotationKey, cm.MinimumRenewBefore, 1, 99),
			parse:  number(func(q *Request) **int32 { return &q.RenewBeforePercentage }, 1, 99),
		},
		{
			Key: cm.RevisionHistoryLimitAnnotationKey, On: everywhere, Field: FieldRevisionHistoryLimit, Grammar: "a whole number of at least 1",
			Doc: "How many CertificateRequests are kept; 1 if not set.", Example: "3",
			Admits: admitsRange(cm.RevisionHistoryLimitAnnotationKey, 1, 1<<31-1),
			parse:  number(func(q *Request) **int32 { return &q.RevisionHistoryLimit }, 1, 1<<31-1),
		},
	}
}

func keyRows() []Row {
	return []Row{
		{
			Key: cm.UsagesAnnotationKey, On: everywhere, Field: FieldUsages, Grammar: "separated by commas, from: " + strings.Join(usages(), ", "),
			Doc: "Key usages, in place of digital signature and key encipherment.", Example: "digital signature, server auth",
			Difference: dropsAndTrims,
			Admits:     admitsItems(cm.UsagesAnnotationKey, "item in "+celWords(usages())),
			parse:      list(word(func(q *Request) *[]string { return &q.Usages }, usages())),
		},
		{
			Key: cm.PrivateKeyAlgorithmAnnotationKey, On: everywhere, Field: FieldPrivateKey, Grammar: "RSA, ECDSA or Ed25519",
			Doc: "The algorithm of the key; RSA if not set.", Example: "ECDSA",
			Admits: admitsOneOf(cm.PrivateKeyAlgorithmAnnotationKey, "RSA", "ECDSA", "Ed25519"),
			parse:  oneOf(func(q *Request) *string { return &q.PrivateKey.Algorithm }, "RSA", "ECDSA", "Ed25519"),
		},
		{
			Key: cm.PrivateKeyEncodingAnnotationKey, On: everywhere, Field: FieldPrivateKey, Grammar: "PKCS1 or PKCS8",
			Doc: "How the key is encoded in the Secret; PKCS1 if not set.", Example: "PKCS8",
			Admits: admitsOneOf(cm.PrivateKeyEncodingAnnotationKey, "PKCS1", "PKCS8"),
			parse:  oneOf(func(q *Request) *string { return &q.PrivateKey.Encoding }, "PKCS1", "PKCS8"),
		},
		{
			Key: cm.PrivateKeySizeAnnotationKey, On: everywhere, Field: FieldPrivateKey,
			Grammar: "bits: for RSA 2048 to 8192, for ECDSA 256, 384 or 521; Ed25519 has none",
			Doc:     "The size of the key; 2048 for RSA and 256 for ECDSA if not set.", Example: "4096",
			Difference: "With Ed25519 it is not written. RSA sizes other than 2048, 3072, 4096 and 8192 give a warning.",
			Admits:     admitsKeySize(cm.PrivateKeySizeAnnotationKey, cm.PrivateKeyAlgorithmAnnotationKey),
			parse:      keySize,
		},
		{
			Key: cm.PrivateKeyRotationPolicyAnnotationKey, On: everywhere, Field: FieldPrivateKey, Grammar: "Never or Always",
			Doc: "Whether a renewal makes a new key; Always if not set.", Example: "Always",
			Admits: admitsOneOf(cm.PrivateKeyRotationPolicyAnnotationKey, "Never", "Always"),
			parse:  oneOf(func(q *Request) *string { return &q.PrivateKey.RotationPolicy }, "Never", "Always"),
		},
		{
			Key: cm.IngressSecretTemplate, On: everywhere, Field: FieldSecretTemplate,
			Grammar: `one JSON object {"annotations": {…}, "labels": {…}} whose values are strings; no annotation under cert-manager.io/ but allow-direct-injection`,
			Doc:     "Annotations and labels of the Secret.", Example: `{"labels": {"team": "shop"}}`,
			Difference: "Exact names of the fields, each once, and nothing behind the object; " + cm.AllowsInjectionFromSecretAnnotation + " is allowed.",
			Admits: admitsOwn(cm.IngressSecretTemplate, func(value string) string {
				return fmt.Sprintf("(%[1]s.startsWith('{') || %[1]s.startsWith('null'))", value)
			}),
			parse: secretTemplate,
		},
	}
}

// usages are the key usages of the Certificate CRD.
func usages() []string {
	return []string{
		"signing", "digital signature", "content commitment", "key encipherment", "key agreement", "data encipherment",
		"cert sign", "crl sign", "encipher only", "decipher only", "any", "server auth", "client auth", "code signing",
		"email protection", "s/mime", "ipsec end system", "ipsec tunnel", "ipsec user", "timestamping", "ocsp signing",
		"microsoft sgc", "netscape sgc",
	}
}
