// Command demo shows certshim's main job for real: a control plane, cert-manager's own
// controllers and webhook, and certshim beside them; annotated objects go in, signed
// Secrets come out, a bad annotation and a missing issuer are reported, an edit and a removed annotation arrive.
//
// scenes.go is the play, stage.go the cluster it is played on, screen.go what is seen of
// it. `make demo` runs it; with -keep it stays up until Ctrl-C. With -external
// (`make demo-external`, external.go) it shows aws-privateca-issuer and ACME instead.
package main
