package job

// Intake is what reading a job at its source tells.
type Intake struct {
	Spec Spec
	// Digest of everything in the job that matters for its run.
	Digest   string
	Standing Standing
	// Problems of an invalid job, every one.
	Problems []string
}

// LogLimit says which part of a log stream a source wants.
type LogLimit struct {
	// Bytes wanted; 0 is none.
	Bytes int
	// Tail: the last bytes, not the first.
	Tail bool
}
