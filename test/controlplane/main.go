package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"

	_ "k8s.io/client-go/plugin/pkg/client/auth"             // kubectl's ways to log in
	_ "k8s.io/component-base/metrics/prometheus/clientgo"   // client metrics on kube-apiserver's /metrics
	_ "k8s.io/component-base/metrics/prometheus/restclient" // the same, by verb and code
)

const usage = `usage: controlplane run [--dir DIR] [--port N]
       controlplane kubectl|kube-apiserver|etcd ARGUMENTS…
The last three are also chosen by the name under which this file is started.
`

func main() {
	name, args := program(os.Args)
	os.Args = append([]string{name}, args...) // kubectl and kube-apiserver read their arguments there
	switch name {
	case "run":
		exit(runCommand(args))
	case "etcd":
		exitWithLifeline()
		exit(serveEtcd(args))
	case "kube-apiserver":
		exitWithLifeline()
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kubectl":
		runKubectl()
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
}

// program returns which of the programs in this file is meant, and the arguments that are left for it.
func program(argv []string) (name string, args []string) {
	switch name := filepath.Base(argv[0]); name {
	case "kubectl", "kube-apiserver", "etcd":
		return name, argv[1:]
	}
	if len(argv) < 2 {
		return "", nil
	}
	return argv[1], argv[2:]
}

func runKubectl() {
	_, _ = logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)) // -v must count while the commands are being built, too
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
