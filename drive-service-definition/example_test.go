package driveservice_test

import (
	"errors"
	"fmt"

	"github.com/simd-drive/go/drive-service-definition"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// A request as the client encodes it and the server reads it, and the refusal
// that the server answers.
func Example() {
	codec := driveservice.Write.Request()
	b, err := codec.Append(nil, driveservice.WriteRequest{Key: driveservice.Key([]byte("greeting"))})
	if err != nil {
		fmt.Println(err)
		return
	}
	request, err := codec.Parse(b)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %q: %d bytes\n", driveservice.Write.Name(), request.Key.Key, len(request.Value))

	var refusal error = driveservice.NewError(driveservice.ReasonEmptyValue, "value is empty")
	fmt.Println(refusal, errors.Is(refusal, rpc.InvalidArgument))

	// Output:
	// drive.write "greeting": 0 bytes
	// invalid argument: value is empty true
}
