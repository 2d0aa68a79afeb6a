package resolver

import "time"

// certificateShape is the spec of a Certificate. Fields that rules read are typed; the others
// are listed so that they count as known.
type certificateShape struct {
	CommonName     string        `yaml:"commonName"`
	DNSNames       []string      `yaml:"dnsNames"`
	IPAddresses    []string      `yaml:"ipAddresses"`
	URIs           []string      `yaml:"uris"`
	EmailAddresses []string      `yaml:"emailAddresses"`
	OtherNames     []any         `yaml:"otherNames"`
	Duration       time.Duration `yaml:"duration"`
	RenewBefore    time.Duration `yaml:"renewBefore"`
	Usages         []string      `yaml:"usages"`
	IsCA           bool          `yaml:"isCA"`
	SecretName     string        `yaml:"secretName"`
	PrivateKey     struct {
		Algorithm      string `yaml:"algorithm"`
		Size           int    `yaml:"size"`
		Encoding       any    `yaml:"encoding"`
		RotationPolicy string `yaml:"rotationPolicy"`
	} `yaml:"privateKey"`

	AdditionalOutputFormats any `yaml:"additionalOutputFormats"`
	EncodeUsagesInRequest   any `yaml:"encodeUsagesInRequest"`
	IssuerRef               any `yaml:"issuerRef"`
	Keystores               any `yaml:"keystores"`
	LiteralSubject          any `yaml:"literalSubject"`
	NameConstraints         any `yaml:"nameConstraints"`
	RenewBeforePercentage   any `yaml:"renewBeforePercentage"`
	RevisionHistoryLimit    any `yaml:"revisionHistoryLimit"`
	SecretTemplate          any `yaml:"secretTemplate"`
	SignatureAlgorithm      any `yaml:"signatureAlgorithm"`
	Subject                 any `yaml:"subject"`
}
