// Package controller makes the cluster hold what NpuDeploys and Projects ask for, and tells the
// truth about it.
//
// A reconcile is: read -> render -> apply -> observe -> judge -> one status patch.
// Rendering, applying and judging are packages of their own; this one has what lies
// between them and the API server:
//
//	reconciler.go  the steps, and nothing else
//	wanted.go      what a spec renders to, kept until it, its Project's facts or the
//	               templates change
//	claims.go      who has a host: the older; wishes.go who wants which; hosts.go which
//	               project it belongs to
//	observe.go     what status rests on, out of the informers; devices.go counts
//	latest.go      our own status patches, until an informer has them
//	watches.go     which event concerns which NpuDeploy, project_changes.go which
//	               change of a Project; strip.go what is kept of it
//	kinds.go       kinds that are installed later
//	project.go     the same steps for a Project, which has nothing to observe
//	manager.go     how all of it is put together
//
// What always holds: a reconcile that finds nothing changed asks the API server
// nothing; everything it reads comes from informers; no Secret and no ConfigMap is
// ever cached, or read.
package controller
