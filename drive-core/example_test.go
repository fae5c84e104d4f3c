package drive_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/simd-drive/go/drive-core"
)

// A value is written, read as a copy, and read in place.
func Example() {
	dir, err := os.MkdirTemp("", "drive-example-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "data.drive")

	store, err := drive.Open(path, drive.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()

	tail, err := store.Write([]byte("greeting"), []byte("hello"))
	fmt.Println(tail, err)

	value, err := store.Get([]byte("greeting")) // a copy, verified
	fmt.Printf("%s %v\n", value, err)

	entry, ok := store.Read([]byte("greeting")) // the mapped file itself
	fmt.Println(ok, len(entry.Bytes()))
	runtime.KeepAlive(entry) // its bytes are valid until here at least

	// Output:
	// 25 <nil>
	// hello <nil>
	// true 5
}
