module github.com/simd-drive/go/muxio

go 1.26
