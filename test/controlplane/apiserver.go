package main

import (
	"context"
	"fmt"

	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// adminGroup is the group of the kubeconfig's user. It is bound to cluster-admin like anybody's: members of
// system:masters would pass by RBAC and by priority and fairness, which no user or controller of a cluster does.
const adminGroup = "controlplane:admins"

// apiserverArgs are flags that this file's kube-apiserver and the released ones understand; paths are relative to the
// folder of the run.
func apiserverArgs(port int) []string {
	return []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--permit-port-sharing",
		"--tls-cert-file=" + servingCertFile,
		"--tls-private-key-file=" + servingKeyFile,
		"--client-ca-file=" + authorityCertFile,
		"--service-account-key-file=" + serviceAccountsFile,
		"--service-account-signing-key-file=" + serviceAccountsFile,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC",
		"--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
		"--endpoint-reconciler-type=none",
		"--profiling=false",
	}
}

// apiserverReady asks for /readyz.
func (p *plane) apiserverReady(ctx context.Context) error {
	return p.master.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// admitAdmins binds the admins and writes their kubeconfig.
func (p *plane) admitAdmins(ctx context.Context) error {
	_, err := p.master.RbacV1().ClusterRoleBindings().Create(ctx, &rbac.ClusterRoleBinding{
		ObjectMeta: meta.ObjectMeta{Name: adminGroup},
		RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.GroupKind, Name: adminGroup}},
	}, meta.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("bind %s to cluster-admin: %w", adminGroup, err)
	}
	admin, err := p.clients.as("admin", adminGroup)
	if err != nil {
		return err
	}
	return writeKubeconfig(p.folder, admin)
}
