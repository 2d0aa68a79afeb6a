// Package privateca stands in for the AWS Private CA API: the operations that aws-privateca-issuer calls, and those
// that a person needs to check its work, with a real CA behind them (a root, and a subordinate that signs).
//
// It speaks the service's protocol (JSON 1.1, the operation in X-Amz-Target) and STS's GetCallerIdentity on the same
// address, so that one AWS_ENDPOINT_URL is enough for the SDK. As the service does, it wants a request that is signed
// with a known access key for its region and service, checks the certificate request's own signature, takes the
// extensions from the template, issues asynchronously (the first GetCertificate says that the request is in progress),
// and gives the same certificate for the same idempotency token and request. The token alone wouldn't do: the issuer makes
// it of the CertificateRequest's name, and cert-manager may delete one and make another of that name, with another key.
//
// [Server] is the http.Handler; protocol.go is the way in and out, issue.go what is signed. It imports the standard
// library and package authority.
package privateca
