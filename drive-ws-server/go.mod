module github.com/simd-drive/go/drive-ws-server

go 1.26.0

require (
	github.com/alecthomas/kong v1.17.0
	github.com/google/go-cmp v0.7.0
	github.com/gorilla/websocket v1.5.3
	github.com/simd-drive/go/drive-core v0.0.0
	github.com/simd-drive/go/drive-service-definition v0.0.0
	github.com/simd-drive/go/drive-ws-client v0.0.0
	github.com/simd-drive/go/muxio v0.0.0
	github.com/simd-drive/go/muxio-rpc-caller v0.0.0
	github.com/simd-drive/go/muxio-rpc-endpoint v0.0.0
	github.com/simd-drive/go/muxio-rpc-service v0.0.0
	github.com/simd-drive/go/muxio-ws-client v0.0.0
	github.com/simd-drive/go/muxio-ws-server v0.0.0
	go.uber.org/goleak v1.3.0
	golang.org/x/sync v0.24.0
)

require (
	github.com/kelindar/binary v1.0.19 // indirect
	github.com/klauspost/cpuid/v2 v2.2.10 // indirect
	github.com/zeebo/xxh3 v1.1.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace (
	github.com/simd-drive/go/drive-core => ../drive-core
	github.com/simd-drive/go/drive-service-definition => ../drive-service-definition
	github.com/simd-drive/go/drive-ws-client => ../drive-ws-client
	github.com/simd-drive/go/muxio => ../muxio
	github.com/simd-drive/go/muxio-rpc-caller => ../muxio-rpc-caller
	github.com/simd-drive/go/muxio-rpc-endpoint => ../muxio-rpc-endpoint
	github.com/simd-drive/go/muxio-rpc-service => ../muxio-rpc-service
	github.com/simd-drive/go/muxio-ws-client => ../muxio-ws-client
	github.com/simd-drive/go/muxio-ws-server => ../muxio-ws-server
)
