// Package e2e tests jobs from end to end: a document is put into model-manage,
// and all that follows is looked at from outside: each revision of the document,
// the workflow with its result, the outputs, and what is left behind.
//
// Each installation under test is a whole stack in this process, shared by the
// tests that need its like: one with real PySpark, of which every launch takes
// seconds, and others whose Spark is a stand-in that runs Python models without
// Spark, for what is decided around Spark. Faults (what is killed when) are
// tested in dev/faults, a part alone beside its code.
package e2e
