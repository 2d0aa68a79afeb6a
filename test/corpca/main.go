// Command corpca is certshim with a resolver of one's own compiled in, as an example: see
// docs/adding-a-resolver.md.
package main

import (
	"os"

	"github.com/certshim/certshim/cmd/certshim/app"
)

func main() { os.Exit(app.Main(app.WithResolver(corpCA{}, issuerType()))) }
