package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// assetsVariable is what envtest calls it, too: the folder with the programs etcd and kube-apiserver to use.
const assetsVariable = "KUBEBUILDER_ASSETS"

const pidsFile = "pids.json"

// plane is the control plane in one folder.
type plane struct {
	folder    *folder
	clients   *clients
	etcd      *component
	apiserver *component
	// master is of system:masters. It only asks for readiness and binds the admins.
	master kubernetes.Interface

	pidsLock sync.Mutex
	pids     map[string]int
}

// newPlane prepares a control plane in the folder; nothing runs yet.
func newPlane(folder *folder, port int) (*plane, error) {
	authority, err := loadAuthority(folder)
	if err != nil {
		return nil, err
	}
	if err := authority.writeServing(folder); err != nil {
		return nil, err
	}
	p := &plane{
		folder:  folder,
		clients: &clients{authority: authority, url: fmt.Sprintf("https://127.0.0.1:%d", port)},
		pids:    map[string]int{"supervisor": os.Getpid()},
	}
	master, err := p.clients.as("master", "system:masters")
	if err != nil {
		return nil, err
	}
	if p.master, err = kubernetes.NewForConfig(master); err != nil {
		return nil, err
	}
	if p.etcd, err = p.component("etcd", "etcd", etcdArgs(), etcdReady); err != nil {
		return nil, err
	}
	p.apiserver, err = p.component("apiserver", "kube-apiserver", apiserverArgs(port), p.apiserverReady)
	return p, err
}

// start starts the parts in the order in which they need each other, and returns when all of them serve. Of the
// controllers it awaits that they act: the first thing they make is the account of the namespace "default".
func (p *plane) start(ctx context.Context, group *errgroup.Group) error {
	tokenKey, err := loadKey(p.folder, serviceAccountsFile)
	if err != nil {
		return err
	}
	p.etcd.serve(ctx, group)
	p.apiserver.serve(ctx, group)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := p.admitAdmins(ctx); err != nil {
		return err
	}
	if err := startControllers(ctx, p.clients, tokenKey); err != nil {
		return err
	}
	return poll(ctx, func(ctx context.Context) error {
		_, err := p.master.CoreV1().ServiceAccounts("default").Get(ctx, "default", meta.GetOptions{})
		return err
	})
}

// restartOnSignal kills kube-apiserver at each SIGUSR1; being kept, it comes back on the same port.
func (p *plane) restartOnSignal(ctx context.Context) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	for {
		select {
		case <-signals:
			p.apiserver.kill()
		case <-ctx.Done():
			return nil
		}
	}
}

// component describes a program, which is this file under another name or one of the folder in assetsVariable; pid is
// its key in pidsFile.
func (p *plane) component(pid, program string, args []string, ready func(context.Context) error) (*component, error) {
	path, err := programPath(program)
	if err != nil {
		return nil, err
	}
	return &component{
		name: program, path: path, args: args, folder: p.folder, ready: ready,
		started: func(id int) error { return p.writePid(pid, id) },
	}, nil
}

func programPath(program string) (string, error) {
	assets := os.Getenv(assetsVariable)
	if assets == "" {
		return selfPath()
	}
	path, err := filepath.Abs(filepath.Join(assets, program))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s=%s should hold the program %s: %w", assetsVariable, assets, program, err)
	}
	return path, nil
}

// writePid keeps pidsFile up to date: an object with the process ids of supervisor, etcd and apiserver.
func (p *plane) writePid(name string, id int) error {
	p.pidsLock.Lock()
	defer p.pidsLock.Unlock()
	p.pids[name] = id
	content, err := json.Marshal(p.pids)
	if err != nil {
		return err
	}
	return p.folder.write(pidsFile, append(content, '\n'))
}
