// Package rpc holds what both ends of a call share: methods and their ids,
// codecs, status and error values, and the connection that carries calls in
// both directions.
package rpc
