package server

// Store is what the service needs of a store.
type Store = store

// NewFor is New for any store.
var NewFor = newServer
