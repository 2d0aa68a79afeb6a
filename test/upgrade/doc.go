// Package upgrade replaces a certshim by this one, in a cluster where the other has worked, and by the other again: neither
// writes anything. The other is built from the commit that the file FROM names, the version before; it is changed when a
// version is released.
package upgrade
