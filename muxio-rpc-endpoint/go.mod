module github.com/simd-drive/go/muxio-rpc-endpoint

go 1.26.0

require github.com/simd-drive/go/muxio-rpc-service v0.0.0

require (
	github.com/kelindar/binary v1.0.19 // indirect
	github.com/klauspost/cpuid/v2 v2.2.10 // indirect
	github.com/simd-drive/go/muxio v0.0.0
	github.com/zeebo/xxh3 v1.1.0 // indirect
	go.uber.org/goleak v1.3.0
	golang.org/x/sys v0.30.0 // indirect
)

replace (
	github.com/simd-drive/go/muxio => ../muxio
	github.com/simd-drive/go/muxio-rpc-service => ../muxio-rpc-service
)
