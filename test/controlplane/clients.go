package main

import (
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

const kubeconfigFile = "kubeconfig"

// clients makes the configurations of kube-apiserver's clients.
type clients struct {
	authority *authority
	url       string
}

// as returns the configuration of that user with these groups, without a limit of its own on requests.
func (c *clients) as(user string, groups ...string) (*rest.Config, error) {
	cert, key, err := c.authority.client(user, groups...)
	if err != nil {
		return nil, fmt.Errorf("client certificate of %s: %w", user, err)
	}
	return &rest.Config{
		Host: c.url,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   encodeCert(c.authority.cert.Raw),
			CertData: cert,
			KeyData:  key,
		},
		UserAgent: "controlplane/" + user,
		QPS:       -1,
	}, nil
}

// asController returns the configuration of one of kube-controller-manager's controllers, under the service account
// that it has in any cluster and that kube-apiserver has a role for.
func (c *clients) asController(name string) (*rest.Config, error) {
	return c.as("system:serviceaccount:kube-system:"+name,
		"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")
}

// writeKubeconfig writes the configuration into the folder, in the form that kubectl reads.
func writeKubeconfig(f *folder, config *rest.Config) error {
	content, err := clientcmd.Write(api.Config{
		Clusters: map[string]*api.Cluster{"controlplane": {
			Server:                   config.Host,
			CertificateAuthorityData: config.CAData,
		}},
		AuthInfos: map[string]*api.AuthInfo{"admin": {
			ClientCertificateData: config.CertData,
			ClientKeyData:         config.KeyData,
		}},
		Contexts:       map[string]*api.Context{"controlplane": {Cluster: "controlplane", AuthInfo: "admin"}},
		CurrentContext: "controlplane",
	})
	if err != nil {
		return err
	}
	return f.write(kubeconfigFile, content)
}
