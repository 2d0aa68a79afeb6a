// Package ownership says whose each field of a Certificate is: who holds it by managedFields,
// who should, what follows from the difference, and what the next apply would do. It reports
// what package certificate decides, by the same code, and decides nothing itself.
//
// [Of] makes the [Report] of one Certificate out of the live object and the configuration that
// its source asks for. [Find] looks for what is wrong with a set of Certificates and sources.
// [Predict] computes what the API server makes of an apply, and [Next] what certshim's next one
// comes to. [ClassOf] knows the field managers of well-known programs.
//
// managedFields keep no history: they have one time for each entry, of its last change of a
// value, and a forced apply leaves no trace of whom it took a field from.
//
// It may import: the standard library, apimachinery, structured-merge-diff, and the rooms
// problem, source and certificate. It does no I/O and has no clock.
package ownership
