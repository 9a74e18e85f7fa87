package simulator

// collection is a path of the API under which jobs of one type, or all, are found.
// Its name is also the key in _embedded.
type collection struct {
	name    string
	jobType string // empty for every type
}

// allJobs is the collection that takes new jobs.
var allJobs = collection{name: "jobs"}

// typedCollections hold the jobs of one type.
var typedCollections = []collection{
	{name: "modelBatchJob", jobType: "MODEL_BATCH_JOB"},
	{name: "modelBatchTestJob", jobType: "MODEL_BATCH_TEST_JOB"},
	{name: "modelBatchTrainingJob", jobType: "MODEL_BATCH_TRAINING_JOB"},
}

// holds reports whether a document is in the collection.
func (c collection) holds(doc object) bool {
	return c.jobType == "" || doc["jobType"] == any(c.jobType)
}

// collectionOf is the collection a document's self link names.
func collectionOf(doc object) collection {
	for _, c := range typedCollections {
		if c.holds(doc) {
			return c
		}
	}
	return allJobs
}
