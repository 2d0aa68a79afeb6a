// Command certshim keeps cert-manager Certificates in step with annotated objects.
package main

import (
	"os"

	"github.com/certshim/certshim/cmd/certshim/app"
)

func main() { os.Exit(app.Main()) }
