// Package upgrade replaces a certshim by this one, in a cluster where the other has worked, and by the other again: neither
// writes anything. The other is built from a commit that the file FROM names, the version before; it is changed when a
// version is released. Here its deploy/ is applied; test/install installs its chart by Helm.
package upgrade
