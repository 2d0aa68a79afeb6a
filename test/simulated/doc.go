// Package simulated is an API server in memory: what certshim needs of one, over no network, so that a day passes in seconds in a
// testing/synctest bubble.
//
// [API] is an http.RoundTripper. It keeps resourceVersions, uids and generations; answers lists, watches and WatchList, with
// bookmarks, cut watches and 410; applies to Certificates by the API server's own code for managedFields, on the schema of their
// definition; and holds to preconditions. It admits everything, knows no permissions, defaults nothing, and of other kinds than
// Certificates it tracks no fields. An object goes at once with its only owner. A test sends the same requests to it and to
// the real API server and compares the answers.
//
// The tests let people edit a cluster for hours of simulated time while certshim works on it: day_test.go, with the edits in
// edits_test.go. Start reading at api.go. It imports apimachinery, and nothing of certshim.
package simulated
