package router

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	solverContainer = "acmesolver"
	challenges      = "/.well-known/acme-challenge/"
)

// solve is what cert-manager's acmesolver, with the Pod's arguments, answers: the key, for its own domain and token.
func solve(pod *corev1.Pod, host, path string) (key string, ok bool) {
	for _, container := range pod.Spec.Containers {
		if container.Name != solverContainer {
			continue
		}
		arguments := parse(container.Args)
		if host == arguments["domain"] && path == challenges+arguments["token"] {
			return arguments["key"], arguments["key"] != ""
		}
	}
	return "", false
}

// parse reads arguments of the form --name=value.
func parse(arguments []string) map[string]string {
	values := map[string]string{}
	for _, argument := range arguments {
		name, value, _ := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		values[name] = value
	}
	return values
}
