// Package observe tests what operators read of a running installation: its metrics, the
// dashboard and the alert rules that are made of them, and traces.
//
// The installation is a whole stack in this process, with a stand-in for Spark on one
// cluster and a simulated ResourceManager as another. It keeps no workflow in memory, so
// every workflow task replays the whole history: what replays counted would show.
package observe
