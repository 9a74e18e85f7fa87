package job

import "encoding/json"

// SourceAPI is the source name of jobs that were handed to Stoker itself.
const SourceAPI = "api"

// Ref names a job at its source.
type Ref struct {
	ID string
	// Request is the job itself where no other service holds it, else nil.
	Request *Request
}

// Request is a job that was handed to Stoker: it travels with the job's workflow,
// for there is nobody else to ask. It holds no secret.
type Request struct {
	// Spec as package jobspec reads it.
	Spec json.RawMessage `json:"spec"`
	// User who asked, as authentication has it.
	User string `json:"user"`
	// Cluster that was chosen for it.
	Cluster string `json:"cluster"`
	// Digest of the spec, SHA-256 in hex: what tells another job from the same one
	// asked for twice.
	Digest string `json:"digest"`
}

// Program is what a job runs if that is not a model. Its files are URLs, or
// "artifact:<sha256>/<name>" for what was uploaded.
type Program struct {
	// Name that the job or its profile gives the application; "" leaves it to Spark and
	// its configuration.
	Name string
	// Main is a .py file or a JAR.
	Main string
	// Class is a JAR's main class.
	Class string
	Args  []string
	// PyFiles, Jars, Files and Archives as spark-submit's options of that name;
	// of the last two each may end with "#<name in the working directory>".
	PyFiles, Jars, Files, Archives []string
}
