//go:generate go test -run TestTheChartKnowsEachField -update .

// Package configuration reads the operator's file and makes of it what the rooms need: a
// [certshim.Policy], which decisions follow, and the settings of the program.
//
// [Load] reads the file strictly over [Default], flags are laid over it by the caller, and
// [Configuration.Validate] checks the whole: all mistakes at once, each with its path, and with
// its line where it came from the file. [Configuration.Policy] is the one way from a
// configuration to a policy, for the controller and the commands alike.
//
// It opens no file and no connection. It may import: the standard library, apimachinery's
// labels and validation, problem, declaration, annotations, source, resolver, certificate, and
// package certshim.
package configuration
