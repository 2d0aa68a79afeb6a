// Package doctor judges a cluster, before certshim is installed in it and after: what certshim needs is there, cert-manager's
// own shims are off, and what runs is what was meant. [Examine] goes by what was read of the cluster, a [Seen], through the
// list of [Checks]; each has a stable code, which docs/doctor.md explains.
//
// What couldn't be read is [Unknown], and never [OK]. It is pure, and imports problem alone.
package doctor
