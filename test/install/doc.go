// Package install tests the chart, the manifests of deploy/, which are rendered from it, and the overlays of
// examples/deploy/. Helm and kubectl render them, the API's own types decode them strictly, and certshim
// itself reads what they mount, started with the arguments of the rendered Deployment. Releases of the chart live on a real
// control plane, where the test stands in for the kubelet, from the version before, too, and Prometheus evaluates the alerts that are shipped.
package install

//go:generate go test -run TestManifestsComeFromTheChart|TestTheChartsReadme -update .
