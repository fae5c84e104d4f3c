module github.com/simd-drive/go/tools/powercut

go 1.26.0

require (
	github.com/hanwen/go-fuse/v2 v2.12.1
	github.com/simd-drive/go/drive-core v0.0.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/klauspost/cpuid/v2 v2.2.10 // indirect
	github.com/zeebo/xxh3 v1.1.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/simd-drive/go/drive-core => ../../drive-core
