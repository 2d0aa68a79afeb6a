// Package install tests the manifests of deploy/ and the overlays of examples/deploy/ without a
// cluster. kubectl renders them, the API's own types decode them strictly, and certshim itself reads what
// they mount, started with the arguments of the rendered Deployment. Test/e2e shows them to an API server.
package install
