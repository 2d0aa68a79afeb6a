package main

import (
	"context"
	"errors"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	admissionac "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	cmclient "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned"
)

const (
	configurationName = "cert-manager-webhook"
	webhookName       = "webhook.cert-manager.io"
)

// register makes the API server ask the webhook at url, as cert-manager's chart does, and waits until it does.
func register(ctx context.Context, kubeconfig, url string, authority []byte) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	if err := apply(ctx, config, url, authority); err != nil {
		return err
	}
	return awaitRefusal(ctx, config)
}

func apply(ctx context.Context, config *rest.Config, url string, authority []byte) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	admission := client.AdmissionregistrationV1()
	options := metav1.ApplyOptions{FieldManager: configurationName, Force: true}
	if _, err := admission.ValidatingWebhookConfigurations().Apply(ctx, validating(url, authority), options); err != nil {
		return err
	}
	_, err = admission.MutatingWebhookConfigurations().Apply(ctx, mutating(url, authority), options)
	return err
}

func validating(url string, authority []byte) *admissionac.ValidatingWebhookConfigurationApplyConfiguration {
	return admissionac.ValidatingWebhookConfiguration(configurationName).WithWebhooks(
		admissionac.ValidatingWebhook().
			WithName(webhookName).
			WithRules(admissionac.RuleWithOperations().
				WithAPIGroups("cert-manager.io", "acme.cert-manager.io").
				WithAPIVersions("v1").
				WithOperations(admissionregistrationv1.Create, admissionregistrationv1.Update).
				WithResources("*/*")).
			WithClientConfig(clientConfig(url+"/validate", authority)).
			WithAdmissionReviewVersions("v1").
			WithMatchPolicy(admissionregistrationv1.Equivalent).
			WithFailurePolicy(admissionregistrationv1.Fail).
			WithSideEffects(admissionregistrationv1.SideEffectClassNone).
			WithTimeoutSeconds(30))
}

func mutating(url string, authority []byte) *admissionac.MutatingWebhookConfigurationApplyConfiguration {
	return admissionac.MutatingWebhookConfiguration(configurationName).WithWebhooks(
		admissionac.MutatingWebhook().
			WithName(webhookName).
			WithRules(admissionac.RuleWithOperations().
				WithAPIGroups("cert-manager.io").
				WithAPIVersions("v1").
				WithOperations(admissionregistrationv1.Create).
				WithResources("certificaterequests")).
			WithClientConfig(clientConfig(url+"/mutate", authority)).
			WithAdmissionReviewVersions("v1").
			WithMatchPolicy(admissionregistrationv1.Equivalent).
			WithFailurePolicy(admissionregistrationv1.Fail).
			WithSideEffects(admissionregistrationv1.SideEffectClassNone).
			WithTimeoutSeconds(30))
}

func clientConfig(url string, authority []byte) *admissionac.WebhookClientConfigApplyConfiguration {
	return admissionac.WebhookClientConfig().WithURL(url).WithCABundle(authority...)
}

// awaitRefusal tries, as a dry run, a Certificate that only the webhook refuses. A new configuration takes a while to
// reach the API server's own cache, and until the server listens every write of cert-manager's kinds fails.
func awaitRefusal(ctx context.Context, config *rest.Config) error {
	client, err := cmclient.NewForConfig(config)
	if err != nil {
		return err
	}
	bad := &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Name: "webhook-probe", Namespace: metav1.NamespaceDefault},
		Spec: cmapi.CertificateSpec{
			SecretName: "webhook-probe",
			DNSNames:   []string{"probe.example.com"},
			IssuerRef:  cmmeta.IssuerReference{Name: "probe"},
			Duration:   &metav1.Duration{Duration: time.Minute},
		},
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, last = client.CertmanagerV1().Certificates(bad.Namespace).
			Create(ctx, bad, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return isRefusal(last), nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// isRefusal tells the webhook's judgement from its absence: with failurePolicy Fail both are errors.
func isRefusal(err error) bool {
	return err != nil && strings.Contains(err.Error(), `"`+webhookName+`" denied the request`)
}
