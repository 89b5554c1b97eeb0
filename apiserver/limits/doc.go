// Package limits keeps one client from taking what all need: headers, addresses and bodies
// have a size, and requests a number, at a time in all, and at a time and by the second for
// each person. Who is over a limit is told so with 429, 413, 414 or 431, and nothing queues. A request that becomes
// a stream leaves their number, and has limits of its own.
package limits
