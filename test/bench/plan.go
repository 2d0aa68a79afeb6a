package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/certshim/certshim/test/cluster"
)

// planned is one run of `certshim plan` over a stream of Ingresses.
type planned struct {
	format            string
	count, namespaces int
	usage
	took time.Duration
}

// plans measures `certshim plan` of a long stream, and of a quarter of it: an Ingress is to cost the
// same in both.
func (b *bench) plans(ctx context.Context, out io.Writer) error {
	var rows []planRow
	for _, namespaces := range []int{1000, 1} {
		for _, format := range []string{"table", "yaml", "report"} {
			short, err := plan(ctx, planned{format: format, count: b.size.plan / 4, namespaces: namespaces})
			if err != nil {
				return err
			}
			long, err := plan(ctx, planned{format: format, count: b.size.plan, namespaces: namespaces})
			if err != nil {
				return err
			}
			rows = append(rows, newPlanRow(short, long))
		}
	}
	return pages.ExecuteTemplate(out, "plan", map[string]any{"Count": b.size.plan, "Quarter": b.size.plan / 4, "Rows": rows})
}

func plan(ctx context.Context, p planned) (planned, error) {
	program, err := cluster.Binary("certshim")
	if err != nil {
		return p, err
	}
	var said bytes.Buffer
	command := exec.CommandContext(ctx, program, "plan", "-f", "-", "-o", p.format)
	command.Stdin, command.Stderr = ingressStream(p.count, p.namespaces), &said
	began := time.Now()
	err = command.Run()
	p.took = time.Since(began)
	if err == nil && !strings.Contains(said.String(), fmt.Sprintf("%d create", p.count)) {
		err = errors.New("not all Ingresses were planned")
	}
	if err != nil {
		return p, fmt.Errorf("plan -o %s of %d Ingresses: %w\n%s", p.format, p.count, err, said.String())
	}
	p.usage = usageOfEnded(command)
	note("plan -o %s of %d Ingresses in %d namespaces: %s of CPU, %s, %d MB", p.format, p.count, p.namespaces, p.cpu, p.took, p.peak>>20)
	return p, nil
}

// ingressStream gives Ingresses as a chart has them, each of which asks for a Certificate.
func ingressStream(count, namespaces int) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		text := bufio.NewWriterSize(writer, 64<<10)
		var err error
		for i := 0; i < count && err == nil; i++ {
			_, err = fmt.Fprintf(text, ingressDocument, i, i%namespaces)
		}
		_ = writer.CloseWithError(errors.Join(err, text.Flush())) // never fails
	}()
	return reader
}

const ingressDocument = `---
# Source: web/templates/ingress.yaml
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web-%[1]d
  namespace: team-%[2]d
  labels:
    app.kubernetes.io/name: web
    app.kubernetes.io/managed-by: Helm
  annotations:
    cert-manager.io/cluster-issuer: company
    cert-manager.io/duration: 2160h
spec:
  ingressClassName: nginx
  tls:
    - hosts:
        - web-%[1]d.example.com
        - www.web-%[1]d.example.com
      secretName: web-%[1]d-tls
  rules:
    - host: web-%[1]d.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: web
                port:
                  number: 80
`

// planRow is one format of one stream.
type planRow struct {
	Format                        string
	Namespaces                    int
	CPU, Took, Each, Growth, Peak string
}

func newPlanRow(short, long planned) planRow {
	perIngress := func(p planned) float64 { return milliseconds(p.cpu) / float64(p.count) }
	return planRow{
		Format: long.format, Namespaces: long.namespaces,
		CPU: fmt.Sprintf("%.0f", long.cpu.Seconds()), Took: fmt.Sprintf("%.0f", long.took.Seconds()),
		Each: fmt.Sprintf("%.3f", perIngress(long)), Growth: fmt.Sprintf("%.2f", perIngress(long)/perIngress(short)),
		Peak: fmt.Sprintf("%d", long.peak>>20),
	}
}
