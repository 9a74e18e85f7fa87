package spark

import "github.com/stoker-spark/stoker/job"

// Names inside a job directory. Files named here as markers outlive CLEAN;
// everything else is deleted by Release.
const (
	// Markers of the launch protocol.
	FileReservation  = "reservation.json"
	FileIntent       = "intent.json"
	FileAcknowledged = "acknowledged"
	FileRevoked      = "revoked"
	FileStarted      = "started"
	FileReleased     = "released"

	// FileStaged is written last by STAGE; SUBMIT needs it.
	FileStaged = "staged.json"
	// FileRequest is what a job asked for that no other service holds, so that it can be
	// gone on with when its history is lost.
	FileRequest = "request.json"
	// FileLaunch holds the Launch, mode 0600.
	FileLaunch = "launch.json"
	// FileJob is the Python driver's input.
	FileJob = "job.json"
	// FileStatus is what the Python driver writes about its end.
	FileStatus = "status.json"
	// FileSources is the model's source code as importable modules.
	FileSources = "sources.zip"

	DirWork      = "work"      // the driver's working directory, or what is shipped into it
	DirInputs    = "in"        // in/<n>/<file>: embedded inputs
	DirOutputs   = "out"       // out/<n>/<file>: embedded outputs, as the job writes them
	DirCollected = "collected" // collected/<n>: embedded outputs, one file each
	DirLogs      = "logs"      // logs/stdout, logs/stderr
	DirTemp      = "tmp"       // TMPDIR and spark.local.dir of the application
)

// Launch is everything SUBMIT needs to know of a staged attempt. It is written
// to launch.json by STAGE, and may hold references to secrets, never secrets.
type Launch struct {
	// Name of the application; "" leaves it to spark-defaults.conf, else to spark-submit's
	// own rule: the main class of a JAR, the file's name of a Python program.
	Name string `json:"name"`
	// PythonDriver: the program is Stoker's Python driver.
	PythonDriver bool `json:"pythonDriver"`
	// Main is the program: a .py file or a JAR; a path relative to the job
	// directory or a URL.
	Main string `json:"main"`
	// Class is the JAR's main class.
	Class string   `json:"class,omitempty"`
	Args  []string `json:"args,omitempty"`
	// PyFiles, Files, Jars and Archives as spark-submit's options of that name;
	// paths relative to the job directory, or URLs.
	PyFiles  []string `json:"pyFiles,omitempty"`
	Files    []string `json:"files,omitempty"`
	Jars     []string `json:"jars,omitempty"`
	Archives []string `json:"archives,omitempty"`

	Options job.Options `json:"options"`
}
