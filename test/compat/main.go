package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := compat(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}

// compat runs the sets that the arguments name, or all, from the folder of the test module, and prints at last what came of
// them. A set that fails doesn't keep the others from being run.
func compat(ctx context.Context, arguments []string) error {
	test, err := os.Getwd()
	if err != nil {
		return err
	}
	folder := filepath.Join(test, "compat")
	sets, err := readVersions(filepath.Join(folder, "versions"))
	if err != nil {
		return err
	}
	chosen, err := choose(sets, arguments)
	if err != nil {
		return err
	}
	w := workshop{test: test, bin: filepath.Join(test, "../bin"), output: os.Stdout}
	ran, err := w.runAll(ctx, chosen, func(ran []result) error { return record(filepath.Join(folder, "results"), sets, ran) })
	fmt.Print("\n", table(ran))
	if err != nil {
		return err
	}
	for _, r := range ran {
		if r.verdict() != "passed" {
			return errors.New("a set has failed")
		}
	}
	fmt.Println("`make generate` puts this into the README")
	return nil
}

// choose gives the sets that are named as KUBERNETES:CERT_MANAGER:GATEWAY_API, or all.
func choose(all []set, names []string) (chosen []set, err error) {
	for _, name := range names {
		one, err := newSet(strings.Split(name, ":"))
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, one)
	}
	if len(chosen) == 0 {
		return all, nil
	}
	return chosen, nil
}

// runAll runs one set after the other, and has what was run recorded after each.
func (w workshop) runAll(ctx context.Context, sets []set, record func([]result) error) (ran []result, err error) {
	commit, err := w.commit(ctx)
	if err != nil {
		return nil, err
	}
	for _, each := range sets {
		_, _ = fmt.Fprintf(w.output, "\ncompat: Kubernetes %s, cert-manager %s, the CRDs of the Gateway API %s\n", each.kubernetes, each.certManager, each.gatewayAPI)
		r, err := w.run(ctx, each)
		if err != nil {
			return ran, fmt.Errorf("%s: %w", each, err)
		}
		r.commit = commit
		ran = append(ran, r)
		if err := record(ran); err != nil {
			return ran, err
		}
	}
	return ran, nil
}

// record puts what was run in the place of earlier results in the file. A set that the file versions doesn't have isn't kept.
func record(file string, sets []set, ran []result) error {
	results, err := readResults(file)
	if err != nil {
		return err
	}
	for _, r := range ran {
		results[r.set] = r
	}
	return writeResults(file, sets, results)
}
