module github.com/simd-drive/go/drive-core

go 1.26
