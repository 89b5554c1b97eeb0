// Package limits bounds what one client may use: the size of headers, addresses and bodies,
// the number of concurrent requests in all and of each user, and each user's requests per
// second. A request over a limit gets 413, 414, 429 or 431; nothing is queued. A
// request that becomes a stream no longer counts as a request and has limits of its own.
package limits
