package install

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/certshim/certshim/test/process"
)

// pod stands in for a Pod on a node. Its containers have a root folder with the programs of their images, and with the volumes where they are
// mounted. It belongs to this process, so that other users can't write to it, but for empty volumes. All containers have the same one, since
// a volume in two root folders would take the right to mount.
type pod struct {
	spec corev1.PodSpec
	root string
	// files has the content of each volume by its name, where it has any.
	files map[string]map[string]string
	// paths is where each volume is mounted.
	paths map[string]string
}

// newPod makes the volumes, with the files that a function knows of each.
func newPod(t *testing.T, spec corev1.PodSpec, files func(corev1.Volume) map[string]string) *pod {
	t.Helper()
	root, err := os.MkdirTemp("", "pod")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	// Containers may have other users.
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	p := &pod{spec: spec, root: root, files: map[string]map[string]string{}, paths: map[string]string{}}
	for _, volume := range spec.Volumes {
		p.files[volume.Name] = files(volume)
	}
	for _, container := range p.containers() {
		for _, mount := range container.VolumeMounts {
			p.mount(t, mount)
		}
	}
	return p
}

// renderedPod is that of the one Deployment among the manifests, without what an API server adds.
func renderedPod(t *testing.T, manifests []any) *pod {
	t.Helper()
	var spec corev1.PodSpec
	configMaps := map[string]map[string]string{}
	for _, manifest := range manifests {
		switch object := manifest.(type) {
		case *corev1.ConfigMap:
			configMaps[object.Name] = object.Data
		case *appsv1.Deployment:
			spec = object.Spec.Template.Spec
		}
	}
	return newPod(t, spec, func(volume corev1.Volume) map[string]string {
		if volume.ConfigMap == nil {
			return nil
		}
		files, is := configMaps[volume.ConfigMap.Name]
		if !is {
			t.Fatalf("the volume %s mounts a ConfigMap %s, which isn't rendered", volume.Name, volume.ConfigMap.Name)
		}
		return files
	})
}

func (p *pod) containers() []corev1.Container {
	return append(append([]corev1.Container{}, p.spec.InitContainers...), p.spec.Containers...)
}

func (p *pod) container(t *testing.T, name string) corev1.Container {
	t.Helper()
	for _, container := range p.containers() {
		if container.Name == name {
			return container
		}
	}
	t.Fatalf("there is no container %s", name)
	return corev1.Container{}
}

// on is where this machine has what containers see at a path.
func (p *pod) on(path string) string { return filepath.Join(p.root, path) }

func (p *pod) mount(t *testing.T, mount corev1.VolumeMount) {
	t.Helper()
	at, mounted := p.paths[mount.Name]
	if mounted && at != mount.MountPath || mount.SubPath != "" {
		t.Fatalf("the mount %+v has a second path of its volume, or a part of it, and neither is played here", mount)
	}
	if mounted {
		return
	}
	p.paths[mount.Name] = mount.MountPath
	folder := p.on(mount.MountPath)
	if err := errors.Join(os.MkdirAll(filepath.Dir(folder), 0o755), os.Mkdir(folder, 0o755)); err != nil {
		t.Fatal(err)
	}
	if p.files[mount.Name] == nil {
		p.open(t, folder)
		return
	}
	write(t, folder, p.files[mount.Name])
}

// open lets all write to the folder of an empty volume; what they write belongs to the Pod's group.
func (p *pod) open(t *testing.T, folder string) {
	t.Helper()
	var err error
	if group := p.group(); group != nil && process.MayBeOthers() {
		err = os.Chown(folder, 0, int(*group))
	}
	if err = errors.Join(err, os.Chmod(folder, os.ModeSetgid|0o777)); err != nil {
		t.Fatal(err)
	}
}

// write lays files out as the kubelet does: each is a link into the folder ..data, which is a link to a folder that is named by the time.
func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	const now = "..2026_01_01_00_00_00.1"
	err := errors.Join(os.Mkdir(filepath.Join(folder, now), 0o755), os.Symlink(now, filepath.Join(folder, "..data")))
	for name, content := range files {
		err = errors.Join(err,
			os.WriteFile(filepath.Join(folder, now, name), []byte(content), 0o644), os.Symlink(filepath.Join("..data", name), filepath.Join(folder, name)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *pod) group() *int64 {
	if p.spec.SecurityContext == nil {
		return nil
	}
	return p.spec.SecurityContext.FSGroup
}

// brings copies a program to where the image of a container has it.
func (p *pod) brings(t *testing.T, program, path string) {
	t.Helper()
	content, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(p.on(path), content, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// imageUser is the user of certshim's image, and its group.
const imageUser = 65532

// credential is who a container runs as, in the Pod's group: the user that it names, or that of its image.
func (p *pod) credential(container corev1.Container) *syscall.Credential {
	credential := &syscall.Credential{Uid: imageUser, Gid: imageUser}
	if context := container.SecurityContext; context != nil && context.RunAsUser != nil {
		credential = &syscall.Credential{Uid: uint32(*context.RunAsUser)}
	}
	if group := p.group(); group != nil {
		credential.Groups = []uint32{uint32(*group)}
	}
	return credential
}

// program is one that runs in a container.
func (p *pod) program(container corev1.Container, path string, environment []string, arguments ...string) process.Program {
	return process.Program{Path: path, Args: arguments, Env: environment, Root: p.root, Credential: p.credential(container)}
}

// ends runs a program in a container to its end.
func ends(t *testing.T, program process.Program) (stdout, stderr string, exit int) {
	t.Helper()
	command := program.Command(t.Context())
	var out, failure bytes.Buffer
	command.Stdout, command.Stderr = &out, &failure
	err := command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		cannotStart(t, err)
	}
	return out.String(), failure.String(), command.ProcessState.ExitCode()
}

// cannotStart skips the test where this machine lets nothing have another root; any other reason is a failure.
func cannotStart(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("not tested is what the containers of the Pod do: a root folder of their own takes root, or a user namespace: ", err)
	}
	t.Fatal(err)
}
