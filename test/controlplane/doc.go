// Command controlplane is a real Kubernetes control plane in one file: etcd, kube-apiserver, the controllers without
// which objects would never go away, and kubectl.
//
//	controlplane run [--dir DIR] [--port N]
//
// starts one within seconds, prints KUBECONFIG=/path when it serves, and runs until it is interrupted, until the pipe
// on its standard input is closed, or until the process that started it is gone. Nothing outlives it. SIGUSR1 kills
// kube-apiserver, which then comes back on the same port: a test's way to an API server that restarts.
//
// etcd and kube-apiserver are processes of their own, this file executed once more under another name (see main.go);
// KUBEBUILDER_ASSETS names a folder whose etcd and kube-apiserver are used instead. The controllers live in the
// process of "run", each with the name, and so with the RBAC role, that it has in any cluster.
//
// The folder of a run holds kubeconfig, pids.json, the certificates, etcd's data, and one log for each program. Without
// --dir it is a temporary one and is removed at the end; the folder of a run that was killed goes at the next run.
//
// Start reading at run.go. This is a module of its own because it is built from Kubernetes' and etcd's modules; it
// imports nothing of certshim, and nothing of certshim imports it. build.sh builds it, package envtest runs it.
package main
