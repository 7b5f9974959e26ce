// Package stack puts the layers of each path through the proxy together, one
// file per path, each a list to be read from top to bottom.
//
// A layer does one thing and calls the next. Layers return errors; the respond
// layer alone turns them into responses. A request keeps the configuration it
// began with: it is looked up once, at the entry.
package stack
