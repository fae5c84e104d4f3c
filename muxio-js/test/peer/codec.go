package main

import "encoding/json"

// asJSON is the codec of most methods.
type asJSON[T any] struct{}

// Append implements [rpc.Codec].
func (asJSON[T]) Append(dst []byte, v T) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

// Parse implements [rpc.Codec].
func (asJSON[T]) Parse(b []byte) (v T, err error) {
	err = json.Unmarshal(b, &v)
	return v, err
}
