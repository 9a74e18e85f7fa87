// Package yarn launches and follows Spark applications on YARN in cluster
// mode, without a JVM per submission: it speaks the ResourceManager's REST API
// (package rm) and builds what Spark's own client would send (package
// submission). The launch protocol's files lie in the cluster's file system.
//
// The promise of one application per attempt rests on three things. The
// application's id is reserved before anything is sent and recorded by an
// exclusive create; the ResourceManager takes an id it knows for a duplicate;
// and the Python driver's started marker keeps user code from beginning twice
// even where the ResourceManager has forgotten an id.
//
// Two more managers stand where the real spark-submit is needed, on the worker's
// own host under the supervisors of package local: Claimed sends applications in
// cluster mode where the ResourceManager takes none over REST, and Edge runs
// drivers in client mode. Both find their applications by a tag of the reservation.
package yarn
