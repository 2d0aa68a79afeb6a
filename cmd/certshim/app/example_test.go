package app_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/certshim/certshim/cmd/certshim/app"
)

// A program can run every command without a process. This one plans a manifest that it has in
// memory.
func ExampleRun() {
	const manifest = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  annotations:
    cert-manager.io/cluster-issuer: letsencrypt
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
  tls:
    - hosts: [shop.example.com]
      secretName: web-tls
`
	streams := app.Streams{In: strings.NewReader(manifest), Out: os.Stdout, ErrOut: os.Stdout}
	status := app.Run(context.Background(), []string{"certshim", "plan", "-f", "-"}, streams)
	fmt.Println("exit status", status)
	// Output:
	// NAMESPACE  SOURCE       CERTIFICATE  ACTION  ISSUER                     NAMES             REASON
	// shop       Ingress/web  web-tls      create  ClusterIssuer/letsencrypt  shop.example.com  there is no such Certificate yet
	// 1 source: 1 create
	// exit status 0
}
