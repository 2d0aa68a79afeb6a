// Package policies has the values by which the admission policies that certshim prints are held against its parsers: by its own
// tests in the API server's compiler, and by those of test/e2e on API servers.
package policies
