module github.com/simd-drive/go/muxio-ws-server

go 1.26

require (
	github.com/simd-drive/go/muxio v0.0.0
	github.com/simd-drive/go/muxio-rpc-service v0.0.0
	github.com/simd-drive/go/muxio-rpc-caller v0.0.0
	github.com/simd-drive/go/muxio-rpc-endpoint v0.0.0
	github.com/simd-drive/go/muxio-ws-client v0.0.0
)

replace (
	github.com/simd-drive/go/muxio => ../muxio
	github.com/simd-drive/go/muxio-rpc-service => ../muxio-rpc-service
	github.com/simd-drive/go/muxio-rpc-caller => ../muxio-rpc-caller
	github.com/simd-drive/go/muxio-rpc-endpoint => ../muxio-rpc-endpoint
	github.com/simd-drive/go/muxio-ws-client => ../muxio-ws-client
)
