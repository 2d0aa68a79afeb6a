// Package install tests the chart, the manifests of deploy/, which are rendered from it, and the overlays of
// examples/deploy/, without a cluster. Helm and kubectl render them, the API's own types decode them strictly, and certshim
// itself reads what they mount, started with the arguments of the rendered Deployment. Test/e2e shows them to an API server.
package install

//go:generate go test -run TestManifestsComeFromTheChart|TestTheChartsReadme -update .
