// Package job is Stoker's domain: what a Spark batch job is, which phases it
// goes through, what a cluster says of it and how it ended.
//
// It imports the standard library only. Wire formats of other systems
// (model-manage documents, Livy batches, YARN states) do not belong here:
// their packages map to and from these types.
package job
