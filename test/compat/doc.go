// Command compat runs the tests that every supported version must pass, with each set of versions of Kubernetes,
// cert-manager and the Gateway API that the file versions names, and writes into the file results what came of it, which
// the README shows. `make compat` runs it. Arguments such as v1.34.4:v1.19.2:v1.4.1 are sets to run instead of all.
//
// build.sh builds the programs of a set, sets.go reads and writes both files, tests.go says which tests a set must pass,
// and run.go runs them: bin/certshim is what is tested. It imports nothing of certshim.
package main

//go:generate go test -run TestTheReadmeHasWhatWasRun -update .
