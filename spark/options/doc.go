// Package options decides which Spark options a job gets: it merges the layers
// (cluster profile, engine document, job) and lets each key of the last two
// through one rule table. What an option means to a cluster manager does not
// belong here.
//
// # Keys of a job
//
// A job's parameters are one flat map in which four kinds of key meet:
//
//	-… --…      a spark-submit option written literally; a flag has an empty value
//	spark.…     Spark configuration, Spark's own or the user's
//	stoker.…    Stoker's own settings, see [Settings]
//	other       a free parameter for the model; Spark never sees it
//
// Keys are trimmed of white space and compared with the table without regard
// to case; an option or spark.* key with characters outside a small set is
// refused, so that no spelling leads around a rule.
//
// # Trust
//
// A profile is the operator's and passes as it is. The engine document and the
// job are others' words: each of their keys meets the table. A value above a
// limit of the profile is refused, not lowered.
package options
