// Package envtest gives tests and programs a control plane of their own: etcd, kube-apiserver, the garbage collector,
// the namespace and the service account controllers, as bin/controlplane runs them (see test/controlplane).
//
// [Start] is for one test, [StartMain] for a TestMain or a program. Both build bin/controlplane first if it is missing
// or out of date: minutes once, no time later.
//
// It imports the standard library, and of client-go only rest and tools/clientcmd, so that whoever needs a control
// plane doesn't get a choice of clients with it.
package envtest
