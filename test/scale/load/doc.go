// Package load sends requests at a steady rate and counts what does not come back as it
// should: statuses other than 200, connections that fail, answers that take too long.
//
// It is no benchmark. A rate that the other end can easily serve shows whether anybody
// would have noticed a change; what is slow is recorded and no error. The client is
// that of package net/http, as services have it: a request without a body that
// finds its kept connection closed is sent again, and that is counted.
package load
