// Package ownership holds certshim's room of that name against a real API server: what it says of
// the fields of a Certificate, and what it foresees of an apply, is what the server does.
package ownership
