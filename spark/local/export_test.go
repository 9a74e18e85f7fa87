package local

// For tests outside the package.

var IsMarker = isMarker

// WithMachineID replaces the file that identifies the host.
func WithMachineID(o Options, path string) Options {
	o.machineID = path
	return o
}
