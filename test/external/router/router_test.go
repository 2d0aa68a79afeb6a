package router

import (
	"io"
	"net/http"
	"net/url"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	gatewayfake "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/fake"
)

const class = "loopback"

type path struct {
	path     string
	pathType networkingv1.PathType
	service  string
}

func ingress(name, host string, paths ...path) networkingv1.Ingress {
	rules := &networkingv1.HTTPIngressRuleValue{}
	for _, p := range paths {
		service := &networkingv1.IngressServiceBackend{Name: p.service, Port: networkingv1.ServiceBackendPort{Number: 8089}}
		rules.Paths = append(rules.Paths, networkingv1.HTTPIngressPath{
			Path: p.path, PathType: &p.pathType, Backend: networkingv1.IngressBackend{Service: service},
		})
	}
	named := class
	return networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"},
		Spec: networkingv1.IngressSpec{IngressClassName: &named, Rules: []networkingv1.IngressRule{
			{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: rules}},
		}},
	}
}

func TestRoute(t *testing.T) {
	const exact, prefix, any = networkingv1.PathTypeExact, networkingv1.PathTypePrefix, networkingv1.PathTypeImplementationSpecific
	byAnnotation := ingress("annotation", "annotation.example.com", path{"/", prefix, "annotation"})
	byAnnotation.Spec.IngressClassName, byAnnotation.Annotations = nil, map[string]string{classAnnotation: class}
	other := ingress("other", "other.example.com", path{"/", prefix, "other"})
	otherClass := "other"
	other.Spec.IngressClassName = &otherClass
	ingresses := []networkingv1.Ingress{
		ingress("web", "web.example.com", path{"/", prefix, "web"}, path{"/api", prefix, "api"}, path{"/api", exact, "root"}),
		ingress("solver", "web.example.com", path{"/.well-known/acme-challenge/abc", any, "solver"}),
		ingress("wild", "*.example.com", path{"/", prefix, "wild"}),
		byAnnotation, other,
	}
	for url, want := range map[string]string{
		"web.example.com/": "web",
		"web.example.com/.well-known/acme-challenge/abc":  "solver",
		"web.example.com/.well-known/acme-challenge/abcd": "web",
		"web.example.com/api":                             "root",
		"web.example.com/api/v1":                          "api",
		"web.example.com/apis":                            "web",
		"a.example.com/":                                  "wild",
		"a.b.example.com/":                                "",
		"example.com/":                                    "",
		"annotation.example.com/x":                        "annotation",
		"other.example.com/":                              "wild",
		"elsewhere.org/":                                  "",
	} {
		parsed, err := http.NewRequest(http.MethodGet, "http://"+url, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := route(ingresses, class, parsed.Host, parsed.URL.Path)
		name := ""
		if ok {
			name = got.Service.Name
		}
		if name != want {
			t.Errorf("%s leads to %q, want %q", url, name, want)
		}
	}
}

func solverPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "solver", Namespace: "shop", Labels: map[string]string{"challenge": "1"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: solverContainer, Args: []string{"--listen-port=8089", "--domain=web.example.com", "--token=abc", "--key=abc.secret"},
		}}},
	}
}

func service(name string, selector map[string]string, port int32) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"},
		Spec:       corev1.ServiceSpec{Selector: selector, Ports: []corev1.ServicePort{{Port: port}}},
	}
}

func TestAnswersWhatARuleRoutesAndNothingElse(t *testing.T) {
	const any = networkingv1.PathTypeImplementationSpecific
	router, err := Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := router.Close(); err != nil {
			t.Error(err)
		}
	})
	web := ingress("web", "web.example.com",
		path{challenges + "abc", any, "solver"}, path{challenges + "old", any, "solver"}, path{"/", any, "web"},
		path{"/gone", any, "gone"}, path{"/port", any, "port"}, path{"/all", any, "all"})
	later := ingress("later", "later.example.com", path{challenges + "abc", any, "solver"})
	router.Serve(fake.NewClientset(&web, &later, solverPod(), service("solver", map[string]string{"challenge": "1"}, 8089),
		service("web", map[string]string{"app": "web"}, 8089), service("port", map[string]string{"challenge": "1"}, 80),
		service("all", nil, 8089)), gatewayfake.NewClientset(), class)
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"web.example.com" + challenges + "abc", http.StatusOK, "abc.secret"},
		{"web.example.com" + challenges + "old", http.StatusServiceUnavailable, ""},
		{"later.example.com" + challenges + "abc", http.StatusServiceUnavailable, ""},
		{"web.example.com/", http.StatusServiceUnavailable, ""},
		{"web.example.com/gone", http.StatusServiceUnavailable, ""},
		{"web.example.com/port", http.StatusServiceUnavailable, ""},
		{"web.example.com/all", http.StatusServiceUnavailable, ""},
		{"other.example.com/", http.StatusNotFound, ""},
	} {
		status, body := throughProxy(t, router, "http://"+c.path)
		if status != c.status || c.body != "" && body != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.path, status, body, c.status, c.body)
		}
	}
	if seen := router.Requests(); len(seen) != 8 || seen[0].Host != "web.example.com" || seen[0].Status != http.StatusOK {
		t.Errorf("requests %+v", seen)
	}
}

func throughProxy(t *testing.T, router *Router, target string) (status int, body string) {
	t.Helper()
	proxy, err := url.Parse(router.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}}
	response, err := client.Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}
