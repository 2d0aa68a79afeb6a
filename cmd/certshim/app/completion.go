package app

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
	"github.com/certshim/certshim/source"
)

// completionTimeout is how long a shell waits for a cluster.
const completionTimeout = 3 * time.Second

// completeWith makes the shell complete a flag by what a function gives.
func completeWith(cmd *cobra.Command, flag string, words func(context.Context) []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) { // fails for an unknown flag only
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		return words(ctx), cobra.ShellCompDirectiveNoFileComp
	})
}

// completeNothing keeps the shell from offering files for flags that name none.
func completeNothing(cmd *cobra.Command) {
	files := []string{"filename", "config", "kubeconfig", "fixture", "issuers"}
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, has := cmd.GetFlagCompletionFunc(flag.Name); !has && !slices.Contains(files, flag.Name) {
			complete(cmd, flag.Name)
		}
	})
	for _, each := range cmd.Commands() {
		completeNothing(each)
	}
}

// completion completes the flags that choose the cluster and the user.
func (c *connectionFlags) completion(cmd *cobra.Command) {
	of := func(names func(api.Config) []string) func(context.Context) []string {
		return func(context.Context) []string {
			kubeconfig, err := c.loader().RawConfig()
			if err != nil {
				return nil
			}
			return names(kubeconfig)
		}
	}
	completeWith(cmd, "context", of(func(k api.Config) []string { return slices.Sorted(maps.Keys(k.Contexts)) }))
	completeWith(cmd, "cluster", of(func(k api.Config) []string { return slices.Sorted(maps.Keys(k.Clusters)) }))
	completeWith(cmd, "user", of(func(k api.Config) []string { return slices.Sorted(maps.Keys(k.AuthInfos)) }))
}

// completeNamespaces completes a flag by the namespaces of the cluster.
func (c *connectionFlags) completeNamespaces(cmd *cobra.Command) {
	completeWith(cmd, "namespace", func(ctx context.Context) []string {
		return c.names(ctx, schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, metav1.NamespaceAll)
	})
}

// names gives those of a cluster's objects; none where they can't be listed.
func (c *connectionFlags) names(ctx context.Context, resource schema.GroupVersionResource, namespace string) []string {
	config, err := c.config()
	if err != nil {
		return nil
	}
	connection, err := cluster.Connect(ctx, config, cluster.Settings{UserAgent: "certshim", QPS: -1}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil
	}
	var names []string
	_ = cluster.List(ctx, connection, cluster.Resource{GVR: resource, Paths: []string{}}, namespace, func(object any) error { // what was listed is enough
		if named, is := object.(metav1.Object); is {
			names = append(names, named.GetName())
		}
		return nil
	})
	return names
}

// completeSources completes the arguments of plan: kinds, and names of sources behind a kind.
func (o *planOptions) completeSources(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	written, _, qualified := strings.Cut(word, "/")
	switch {
	case qualified:
		var words []string
		for _, name := range o.sourceNames(ctx, strings.ToLower(written)) {
			words = append(words, written+"/"+name)
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	case len(args) > 0 && !strings.Contains(args[0], "/"):
		return slices.Concat(o.sourceNames(ctx, strings.ToLower(args[0])), kindNames(o.kinds())), cobra.ShellCompDirectiveNoFileComp
	}
	return kindNames(o.kinds()), cobra.ShellCompDirectiveNoFileComp
}

// sourceNames are the names of the sources of a kind, in the files or in the cluster.
func (o *planOptions) sourceNames(ctx context.Context, written string) []string {
	kind := kindNamed(o.kinds(), written)
	if kind == nil {
		return nil
	}
	if !o.offline() {
		namespace, _ := o.clusterNamespace()
		return o.connection.names(ctx, kind.Resources()[0], namespace)
	}
	o.streams.ErrOut = io.Discard
	o.input.paths = slices.DeleteFunc(o.input.paths, func(path string) bool { return path == "-" })
	asked := &cobra.Command{}
	asked.SetContext(ctx)
	if err := o.complete(asked, nil); err != nil {
		return nil
	}
	known, err := o.read(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, key := range known.sorted() {
		if key.Kind() == source.GroupKindOf(kind) {
			names = append(names, key.Name())
		}
	}
	return slices.Compact(names)
}

// completeIssuers completes the argument of issuers: a type, a kind, or an issuer of the cluster.
func (o *issuersOptions) completeIssuers(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	if o.prepare(cmd) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	words := o.typeWords()
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	if o.offline {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	if known, err := o.readIssuers(ctx, o.namespace); err == nil {
		for key := range known.AllIssuers() {
			words = append(words, key.Name)
		}
	}
	slices.Sort(words)
	return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
}

// completeObjects completes the argument of explain: a kind, and behind it a name.
func (o *explainOptions) completeObjects(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	const noFiles = cobra.ShellCompDirectiveNoFileComp
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	kind, _, qualified := strings.Cut(word, "/")
	switch {
	case len(args) == 1 && !strings.Contains(args[0], "/"):
		return o.objectNames(ctx, args[0]), noFiles
	case len(args) > 0:
		return nil, noFiles
	case qualified:
		var words []string
		for _, name := range o.objectNames(ctx, kind) {
			words = append(words, kind+"/"+name)
		}
		return words, noFiles
	}
	return append(kindNames(o.plan.kinds()), "certificate"), noFiles
}

func (o *explainOptions) objectNames(ctx context.Context, kind string) []string {
	if !isCertificate(kind) {
		return o.plan.sourceNames(ctx, strings.ToLower(kind))
	}
	namespace, _ := o.plan.clusterNamespace()
	return o.plan.connection.names(ctx, certificate.Resource(), namespace)
}
