package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/cert-manager/cert-manager/pkg/controller"
	utilfeature "github.com/cert-manager/cert-manager/pkg/util/feature"

	"github.com/certshim/certshim/test/process"
)

func main() {
	options, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := process.Context()
		err = run(ctx, options)
		stop()
	}
	klog.Flush()
	if err != nil {
		fmt.Fprintln(os.Stderr, "certmanager:", err)
		os.Exit(1)
	}
}

// run starts the controllers and their informers, says when the caches are filled, and returns when ctx has ended.
func run(ctx context.Context, o options) error {
	names, err := selectControllers(o.controllers, o.namespace)
	if err != nil {
		return err
	}
	o.controllers = names
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(o.gates()); err != nil {
		return err
	}
	factory, err := controller.NewContextFactory(ctx, o.contextOptions())
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		constructed, err := controller.Known()[name](factory)
		if err != nil {
			return fmt.Errorf("controller %s: %w", name, err)
		}
		group.Go(func() error { return constructed.Run(o.workers, ctx) })
	}
	if err := startInformers(ctx, factory); err != nil {
		return err
	}
	if ctx.Err() == nil {
		process.Ready()
	}
	return group.Wait()
}

// startInformers starts the informers that the controllers asked for and waits until they are filled. A context that
// ends before that is the ordinary end of the program.
func startInformers(ctx context.Context, factory *controller.ContextFactory) error {
	shared, err := factory.Build()
	if err != nil {
		return err
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	shared.GWShared.Start(ctx.Done())

	shared.SharedInformerFactory.WaitForCacheSync(ctx.Done())
	shared.KubeSharedInformerFactory.WaitForCacheSync(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.WaitForCacheSync(ctx.Done())
	shared.GWShared.WaitForCacheSync(ctx.Done())
	return nil
}
