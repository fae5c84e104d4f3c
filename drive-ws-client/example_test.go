package driveclient_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/simd-drive/go/drive-ws-client"
)

// A server has to run: drive-ws-server data.drive.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	drive, err := driveclient.Dial(ctx, "ws://127.0.0.1:34129", driveclient.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer drive.Close()

	if _, err := drive.Write(ctx, []byte("greeting"), []byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	value, err := drive.Get(ctx, []byte("greeting"))
	switch {
	case errors.Is(err, driveclient.ErrNotFound):
		fmt.Println("somebody deleted it")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Printf("%s\n", value)
	}

	// A value of any size, with constant memory.
	if _, err := drive.ReadTo(ctx, []byte("greeting"), os.Stdout); err != nil {
		fmt.Println(err)
	}
}
