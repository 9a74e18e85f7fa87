package job

// Kind is what the job does with its model.
type Kind string

// The kinds of job.
const (
	KindScoring  Kind = "scoring"
	KindMetrics  Kind = "metrics"
	KindTraining Kind = "training"
	// KindPySpark and KindJAR are somebody's own program, without a model.
	KindPySpark Kind = "pyspark"
	KindJAR     Kind = "jar"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{KindScoring, KindMetrics, KindTraining, KindPySpark, KindJAR}
}

// Role names the model function of the kind: score, metrics or train. It is
// also the function's conventional name and its smart comment.
func (k Kind) Role() string {
	switch k {
	case KindScoring:
		return "score"
	case KindMetrics:
		return "metrics"
	case KindTraining:
		return "train"
	case KindPySpark, KindJAR:
	}
	return ""
}
