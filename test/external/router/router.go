package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	gatewayapi "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
)

// Request is one request that was answered.
type Request struct {
	UserAgent, Host, Path string
	Status                int
}

// Router is the ingress controller. It listens from the start and answers from [Router.Serve] on.
type Router struct {
	listener net.Listener
	server   *http.Server
	class    string
	cluster  kubernetes.Interface
	gateways gatewayapi.Interface

	mu       sync.Mutex
	requests []Request
}

// Listen takes a port on loopback.
func Listen(ctx context.Context) (*Router, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Router{listener: listener}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	return r, nil
}

// Port is where it listens on 127.0.0.1.
func (r *Router) Port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// URL is its address, as HTTP_PROXY wants it.
func (r *Router) URL() string { return "http://" + r.listener.Addr().String() }

// ServeCluster is [Router.Serve] with clients for a cluster.
func (r *Router) ServeCluster(config *rest.Config, class string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	gateways, err := gatewayapi.NewForConfig(config)
	if err != nil {
		return err
	}
	r.Serve(client, gateways, class)
	return nil
}

// Serve answers for the Ingresses of that class and the HTTPRoutes of its Gateways, until Close.
func (r *Router) Serve(cluster kubernetes.Interface, gateways gatewayapi.Interface, class string) {
	r.cluster, r.gateways, r.class = cluster, gateways, class
	go func() { _ = r.server.Serve(r.listener) }()
}

// Close ends it.
func (r *Router) Close() error { return errors.Join(r.server.Close(), r.closeListener()) }

func (r *Router) closeListener() error {
	if err := r.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Requests are those that were answered, oldest first.
func (r *Router) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Request(nil), r.requests...)
}

// ServeHTTP answers one request.
func (r *Router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	host := request.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	status, body := r.answer(request.Context(), host, request.URL.Path)
	r.mu.Lock()
	r.requests = append(r.requests, Request{request.UserAgent(), host, request.URL.Path, status})
	r.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body)
}

func (r *Router) answer(ctx context.Context, host, path string) (status int, body string) {
	ingresses, err := r.cluster.NetworkingV1().Ingresses("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return http.StatusBadGateway, err.Error()
	}
	gateways, err := r.gateways.GatewayV1().Gateways("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return http.StatusBadGateway, err.Error()
	}
	routes, err := r.gateways.GatewayV1().HTTPRoutes("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return http.StatusBadGateway, err.Error()
	}
	backend, ok := route(ingresses.Items, r.class, host, path)
	if !ok {
		backend, ok = attached(routes.Items, gateways.Items, r.class, host, path)
	}
	if !ok {
		return http.StatusNotFound, fmt.Sprintf("no rule of class %s for %s%s", r.class, host, path)
	}
	pod, err := r.podBehind(ctx, backend)
	if err != nil {
		return http.StatusServiceUnavailable, err.Error()
	}
	key, ok := solve(pod, host, path)
	if !ok {
		return http.StatusServiceUnavailable, fmt.Sprintf("Pod %s doesn't answer for %s%s", pod.Name, host, path)
	}
	return http.StatusOK, key
}

// podBehind is the Pod of the Service that a rule names; there is no kubelet, so none is ever ready.
func (r *Router) podBehind(ctx context.Context, backend backend) (*corev1.Pod, error) {
	if backend.Service == nil {
		return nil, errors.New("the rule's backend is not a Service")
	}
	core := r.cluster.CoreV1()
	service, err := core.Services(backend.namespace).Get(ctx, backend.Service.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if !hasPort(service, backend.Service.Port) {
		return nil, fmt.Errorf("service %s has no port %+v", service.Name, backend.Service.Port)
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	pods, err := core.Pods(backend.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, err
	}
	if len(service.Spec.Selector) == 0 || len(pods.Items) == 0 {
		return nil, fmt.Errorf("service %s has no Pods", service.Name)
	}
	return &pods.Items[0], nil
}

func hasPort(service *corev1.Service, wanted networkingv1.ServiceBackendPort) bool {
	for _, port := range service.Spec.Ports {
		if port.Port == wanted.Number || wanted.Name != "" && strings.EqualFold(port.Name, wanted.Name) {
			return true
		}
	}
	return false
}
