module github.com/simd-drive/go/muxio-js/test/peer

go 1.26.0

require (
	github.com/simd-drive/go/muxio v0.0.0
	github.com/simd-drive/go/muxio-rpc-caller v0.0.0
	github.com/simd-drive/go/muxio-rpc-endpoint v0.0.0
	github.com/simd-drive/go/muxio-rpc-service v0.0.0
	github.com/simd-drive/go/muxio-ws-server v0.0.0
)

require (
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/kelindar/binary v1.0.19 // indirect
	github.com/klauspost/cpuid/v2 v2.2.10 // indirect
	github.com/zeebo/xxh3 v1.1.0 // indirect
	golang.org/x/sys v0.30.0 // indirect
)

replace (
	github.com/simd-drive/go/muxio => ../../../muxio
	github.com/simd-drive/go/muxio-rpc-caller => ../../../muxio-rpc-caller
	github.com/simd-drive/go/muxio-rpc-endpoint => ../../../muxio-rpc-endpoint
	github.com/simd-drive/go/muxio-rpc-service => ../../../muxio-rpc-service
	github.com/simd-drive/go/muxio-ws-client => ../../../muxio-ws-client
	github.com/simd-drive/go/muxio-ws-server => ../../../muxio-ws-server
)
