// Package driveclient uses a drive that a server shares over WebSocket, with
// the vocabulary of the engine:
//
//	drive, err := driveclient.Dial(ctx, "ws://127.0.0.1:34129", driveclient.Options{})
//	...
//	defer drive.Close()
//	_, err = drive.Write(ctx, []byte("key"), []byte("value"))
//	value, err := drive.Get(ctx, []byte("key"))
//
// One [Client] is one connection. All its methods are safe for concurrent use,
// and calls of many goroutines travel over the connection side by side. A
// stream that is slow holds back itself only.
//
// # Keys
//
// A drive finds values by the XXH3-64 hash of their key, and does not store
// keys. Methods with the suffix Hash take that hash instead of the key.
//
// # Errors
//
// errors.Is tells the errors of this package apart; errors.As finds the
// [*rpc.Error] below with its code and the server's message. When a call fails
// with [ErrUnavailable] or because its context ended, a write may or may not
// have taken effect. Any other error of a write means that nothing was stored.
//
// # Memory
//
// Keys and values that are passed in are borrowed until the call returns.
// Values that are returned belong to the caller.
package driveclient
