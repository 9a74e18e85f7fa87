package local

// IsMarker for tests outside the package.
var IsMarker = isMarker
