// Package declaration reads what people declare in files: issuer types, the operator's
// configuration, the fixture of a plugin. It knows how such files are read, and nothing of what
// is declared in them.
//
//   - [Read] takes a file that holds one YAML document, and [Document.Decode] reads it strictly:
//     every unknown, misplaced, repeated or ill-typed field is a [Mistake] with its line, its path
//     and what would be right, and all of them are reported at once.
//   - [Nearest] finds the word that a misspelt one was meant to be, for every room.
//   - [Expressions] compiles CEL whose cost is bounded and which ends when a context does.
//   - [RunCases] runs the cases that a declaration brings along as its own tests.
//   - [RenderRules] formats the permissions that declared kinds need.
//
// It may import: the standard library, YAML, CEL, and package problem.
package declaration
