// Package bench is one installation of Stoker to strike at: a core (Temporal and
// the model-manage simulator in one process), workers and starters, all real
// binaries on a state directory and ports of their own, and the jobs that tests
// give it. What the jobs run on, and what may be left of them there, is told by
// Options.
package bench
