package main

import (
	"context"
	"crypto"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/restmapper"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	serviceaccounts "k8s.io/kubernetes/pkg/controller/serviceaccount"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

const (
	// discoveryPeriod is how soon the garbage collector sees a kind that was installed.
	discoveryPeriod = time.Second
	resyncPeriod    = 10 * time.Minute
	// garbageSyncTimeout is how long the garbage collector waits for its first look at everything.
	garbageSyncTimeout = 30 * time.Second

	garbageWorkers, namespaceWorkers, accountWorkers, tokenWorkers = 10, 5, 1, 2
)

// controllers are those of kube-controller-manager that the control plane runs, on shared informers.
type controllers struct {
	clients *clients
	// tokenKey signs the tokens in Secrets of type kubernetes.io/service-account-token.
	tokenKey crypto.Signer

	informers informers.SharedInformerFactory
	metadata  metadatainformer.SharedInformerFactory
	runs      []func(context.Context)
}

// startControllers starts all of them; they run until ctx ends.
func startControllers(ctx context.Context, clients *clients, tokenKey crypto.Signer) error {
	c := &controllers{clients: clients, tokenKey: tokenKey}
	if err := c.shareInformers(); err != nil {
		return err
	}
	started := make(chan struct{})
	if err := c.addGarbageCollector(ctx, started); err != nil {
		return fmt.Errorf("garbage collector: %w", err)
	}
	if err := c.addNamespaces(ctx); err != nil {
		return fmt.Errorf("namespace controller: %w", err)
	}
	if err := c.addServiceAccounts(ctx); err != nil {
		return fmt.Errorf("service account controller: %w", err)
	}
	if err := c.addTokens(ctx); err != nil {
		return fmt.Errorf("token controller: %w", err)
	}
	c.informers.Start(ctx.Done())
	c.metadata.Start(ctx.Done())
	close(started)
	for _, run := range c.runs {
		go run(ctx)
	}
	return nil
}

func (c *controllers) shareInformers() error {
	config, err := c.clients.as("system:kube-controller-manager")
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	metadataClient, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	c.informers = informers.NewSharedInformerFactory(client, resyncPeriod)
	c.metadata = metadatainformer.NewSharedInformerFactory(metadataClient, resyncPeriod)
	return nil
}

func (c *controllers) addGarbageCollector(ctx context.Context, started <-chan struct{}) error {
	client, metadataClient, err := c.clientsOf("generic-garbage-collector")
	if err != nil {
		return err
	}
	collector, err := garbagecollector.NewGarbageCollector(ctx, client, metadataClient,
		restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery())),
		garbagecollector.DefaultIgnoredResources(),
		informerfactory.NewInformerFactory(c.informers, c.metadata), started)
	if err != nil {
		return err
	}
	c.runs = append(c.runs,
		func(ctx context.Context) { collector.Run(ctx, garbageWorkers, garbageSyncTimeout) },
		func(ctx context.Context) { collector.Sync(ctx, client.Discovery(), discoveryPeriod) })
	return nil
}

func (c *controllers) addNamespaces(ctx context.Context) error {
	client, metadataClient, err := c.clientsOf("namespace-controller")
	if err != nil {
		return err
	}
	controller := namespace.NewNamespaceController(ctx, client, metadataClient,
		client.Discovery().ServerPreferredNamespacedResources,
		c.informers.Core().V1().Namespaces(), resyncPeriod, core.FinalizerKubernetes)
	c.runs = append(c.runs, func(ctx context.Context) { controller.Run(ctx, namespaceWorkers) })
	return nil
}

func (c *controllers) addServiceAccounts(ctx context.Context) error {
	client, _, err := c.clientsOf("service-account-controller")
	if err != nil {
		return err
	}
	controller, err := serviceaccounts.NewServiceAccountsController(klog.FromContext(ctx),
		c.informers.Core().V1().ServiceAccounts(), c.informers.Core().V1().Namespaces(),
		client, serviceaccounts.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return err
	}
	c.runs = append(c.runs, func(ctx context.Context) { controller.Run(ctx, accountWorkers) })
	return nil
}

func (c *controllers) addTokens(ctx context.Context) error {
	config, err := c.clients.as("system:kube-controller-manager")
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	generator, err := serviceaccount.JWTTokenGenerator(serviceaccount.LegacyIssuer, c.tokenKey)
	if err != nil {
		return err
	}
	controller, err := serviceaccounts.NewTokensController(klog.FromContext(ctx),
		c.informers.Core().V1().ServiceAccounts(), c.informers.Core().V1().Secrets(), client,
		serviceaccounts.TokensControllerOptions{TokenGenerator: generator, RootCA: config.CAData})
	if err != nil {
		return err
	}
	c.runs = append(c.runs, func(ctx context.Context) { controller.Run(ctx, tokenWorkers) })
	return nil
}

// clientsOf returns the clients of the controller that has this name in kube-controller-manager.
func (c *controllers) clientsOf(name string) (*kubernetes.Clientset, metadata.Interface, error) {
	config, err := c.clients.asController(name)
	if err != nil {
		return nil, nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	metadataClient, err := metadata.NewForConfig(config)
	return client, metadataClient, err
}
