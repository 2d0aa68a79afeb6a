package install

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// pod stands in for a Pod on a node: each container has a root folder with its mounts in it.
type pod struct {
	spec corev1.PodSpec
	// configMaps and secrets have the content of each, by their names.
	configMaps, secrets map[string]map[string]string
	// folder has a folder for each volume, by the volume's name.
	folder string
}

// newPod makes the volumes of the one Deployment among the manifests.
func newPod(t *testing.T, manifests []any) *pod {
	t.Helper()
	// Short, since the path of a socket has 107 bytes at most.
	folder, err := os.MkdirTemp("", "pod")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	// Containers may have other users.
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	p := &pod{configMaps: map[string]map[string]string{}, secrets: map[string]map[string]string{}, folder: folder}
	for _, manifest := range manifests {
		switch object := manifest.(type) {
		case *corev1.ConfigMap:
			p.configMaps[object.Name] = object.Data
		case *corev1.Secret:
			p.secrets[object.Name] = map[string]string{}
			for name, content := range object.Data {
				p.secrets[object.Name][name] = string(content)
			}
		case *appsv1.Deployment:
			p.spec = object.Spec.Template.Spec
		}
	}
	for _, volume := range p.spec.Volumes {
		p.make(t, volume)
	}
	return p
}

func (p *pod) make(t *testing.T, volume corev1.Volume) {
	t.Helper()
	folder := filepath.Join(p.folder, volume.Name)
	var files map[string]string
	switch {
	case volume.ConfigMap != nil:
		files = p.configMaps[volume.ConfigMap.Name]
	case volume.Secret != nil:
		files = p.secrets[volume.Secret.SecretName]
	default:
		p.makeEmpty(t, folder)
		return
	}
	if files == nil {
		t.Fatalf("the volume %s mounts %v, which isn't rendered", volume.Name, volume.VolumeSource)
	}
	p.mount(t, folder, files)
}

// makeEmpty makes the folder of a volume that all may write to; what they write belongs to the Pod's group.
func (p *pod) makeEmpty(t *testing.T, folder string) {
	t.Helper()
	err := os.Mkdir(folder, 0o755)
	if group := p.group(); group != nil && mayBeOthers() {
		err = errors.Join(err, os.Chown(folder, 0, int(*group)))
	}
	if err = errors.Join(err, os.Chmod(folder, os.ModeSetgid|0o777)); err != nil {
		t.Fatal(err)
	}
}

func (p *pod) group() *int64 {
	if p.spec.SecurityContext == nil {
		return nil
	}
	return p.spec.SecurityContext.FSGroup
}

// imageUser is the user of certshim's image, and its group.
const imageUser = 65532

// mayBeOthers says whether this process may start programs as other users, as root may unless its user namespace has no others.
var mayBeOthers = sync.OnceValue(func() bool {
	program := exec.CommandContext(context.Background(), "true")
	program.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: imageUser, Gid: imageUser}}
	return program.Run() == nil
})

// credential is who a container runs as, in the Pod's group: the user that it names, or that of its image. Nil: as this process, which may not
// be another.
func (p *pod) credential(container corev1.Container) *syscall.Credential {
	if !mayBeOthers() {
		return nil
	}
	credential := &syscall.Credential{Uid: imageUser, Gid: imageUser}
	if context := container.SecurityContext; context != nil && context.RunAsUser != nil {
		credential = &syscall.Credential{Uid: uint32(*context.RunAsUser)}
	}
	if group := p.group(); group != nil {
		credential.Groups = []uint32{uint32(*group)}
	}
	return credential
}

// brings copies a file to where every container may read and run it.
func (p *pod) brings(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(p.folder, filepath.Base(path))
	// Another container may run it already.
	if err := os.Remove(here); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(here, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return here
}

// mount lays the files out as the kubelet does: each is a link into the folder ..data, which is a link to a folder named
// by the time.
func (p *pod) mount(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	const now = "..2026_01_01_00_00_00.1"
	if err := os.MkdirAll(filepath.Join(folder, now), 0o755); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"..data": now}
	for name, content := range files {
		links[name] = filepath.Join("..data", name)
		if err := os.WriteFile(filepath.Join(folder, now, name), []byte(p.here(content)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// here replaces the paths at which containers see their volumes by those of this machine.
func (p *pod) here(text string) string {
	for _, container := range p.containers() {
		for _, mount := range container.VolumeMounts {
			folder := filepath.Join(p.folder, mount.Name)
			text = strings.ReplaceAll(text, mount.MountPath+"/", folder+"/")
			if strings.HasSuffix(text, mount.MountPath) {
				text = strings.TrimSuffix(text, mount.MountPath) + folder
			}
		}
	}
	return text
}

func (p *pod) containers() []corev1.Container {
	return append(append([]corev1.Container{}, p.spec.InitContainers...), p.spec.Containers...)
}

// arguments are those of a container, with the paths of this machine.
func (p *pod) arguments(t *testing.T, name string) []string {
	t.Helper()
	for _, container := range p.containers() {
		if container.Name != name {
			continue
		}
		return p.allHere(container.Args)
	}
	t.Fatalf("there is no container %s", name)
	return nil
}

func (p *pod) allHere(texts []string) (here []string) {
	for _, text := range texts {
		here = append(here, p.here(text))
	}
	return here
}
