package job

// Phase says where a job's workflow is. It is Stoker's own progress, not what
// the cluster says (Observation) nor how the job ended (Outcome).
//
//	loading → reserving → staging → submitting → waiting → running → collecting → reporting → cleaning → done
//	    └────────────┴──────────┴─────────┴──────────┴─────────┴─────────────┴──────↗
//	     a failure or a cancel goes on to reporting, then cleaning
type Phase string

// The phases, in the order a job goes through them.
const (
	PhaseLoading    Phase = "loading"
	PhaseReserving  Phase = "reserving"
	PhaseStaging    Phase = "staging"
	PhaseSubmitting Phase = "submitting"
	PhaseWaiting    Phase = "waiting"
	PhaseRunning    Phase = "running"
	PhaseCollecting Phase = "collecting"
	PhaseReporting  Phase = "reporting"
	PhaseCleaning   Phase = "cleaning"
	PhaseDone       Phase = "done"
)

// Phases lists every phase in order.
func Phases() []Phase {
	return []Phase{
		PhaseLoading, PhaseReserving, PhaseStaging, PhaseSubmitting, PhaseWaiting,
		PhaseRunning, PhaseCollecting, PhaseReporting, PhaseCleaning, PhaseDone,
	}
}

// Rank orders the phases from 0; an unknown phase ranks -1.
func (p Phase) Rank() int {
	for i, q := range Phases() {
		if p == q {
			return i
		}
	}
	return -1
}
