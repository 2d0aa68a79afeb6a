// Package simulated is an API server in memory: what certshim needs of one, over no network, so that a day passes in seconds in a
// testing/synctest bubble.
//
// [API] is an http.RoundTripper. It keeps resourceVersions, uids and generations; answers lists, watches and WatchList, with
// bookmarks, watches that are cut and such as can't go on (410); applies to Certificates by the API server's own code for managedFields, on the schema of their
// definition; and holds to preconditions. It admits everything, knows no permissions, defaults nothing, and of other kinds than
// Certificates it tracks no fields. An object goes at once with its only owner. A test sends the same requests to it and to
// the real API server and compares the answers.
//
// The tests let people edit Ingresses, Gateways and ListenerSets for hours of simulated time while two replicas of certshim work
// on them: day_test.go, with the edits in edits_test.go. What happens to the replicas and their Lease is in replicas_test.go, and
// their clocks and their lines to the API, which differ, in wire_test.go. What becomes of Certificates in another namespace whose source is gone takes
// minutes, in orphans_test.go. Start reading at api.go. It imports apimachinery, and nothing of certshim.
package simulated
