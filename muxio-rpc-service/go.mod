module github.com/simd-drive/go/muxio-rpc-service

go 1.26.0

require (
	github.com/kelindar/binary v1.0.19
	github.com/simd-drive/go/muxio v0.0.0
	github.com/zeebo/xxh3 v1.1.0
)

require (
	github.com/klauspost/cpuid/v2 v2.2.10 // indirect
	golang.org/x/sys v0.30.0 // indirect
)

replace github.com/simd-drive/go/muxio => ../muxio
