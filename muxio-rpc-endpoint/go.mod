module github.com/simd-drive/go/muxio-rpc-endpoint

go 1.26

require (
	github.com/simd-drive/go/muxio v0.0.0
	github.com/simd-drive/go/muxio-rpc-service v0.0.0
)

replace (
	github.com/simd-drive/go/muxio => ../muxio
	github.com/simd-drive/go/muxio-rpc-service => ../muxio-rpc-service
)
