// Package limits keeps one client from taking what all need: bodies have a size, and
// requests a number, at a time in all, and at a time and by the second for each person.
// Who is over a limit is told so with 429 or 413, and nothing queues. A request that becomes
// a stream leaves their number, and has limits of its own.
package limits
