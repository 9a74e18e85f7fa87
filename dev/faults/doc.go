// Package faults strikes at a whole Stoker and looks at what became of its
// jobs: processes are killed with -9, frozen, stopped and doubled, Temporal
// loses its database, model-manage misbehaves. It holds tests only.
//
// Each test runs the real binaries on a state directory and ports of its own: a
// core (Temporal and the model-manage simulator in one process), workers and
// starters, and the real supervisor and Python driver under a stand-in for
// spark-submit. A model counts its own starts in a file outside of its job
// directory. However a job was struck, it must have started exactly as often as
// the test says, ended alike in its document and in Temporal, reported in rank
// order, and left nothing but the markers of the launch protocol.
//
// `go test -short` leaves out what takes long; STOKER_BIN names the directory of
// the binaries, by default the bin folder of this repository.
package faults
