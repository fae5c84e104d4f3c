package wsclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
)

var (
	greet = rpc.NewMethod("greeter.greet", rpc.Binary[string](), rpc.Binary[string]())
	token = "secret"
)

func Example() {
	ctx := context.Background()
	client, err := wsclient.Dial(ctx, "wss://api.example/rpc", wsclient.Options{
		Header: http.Header{"Authorization": {"Bearer " + token}},
	})
	if err != nil {
		var refused *wsclient.HandshakeError
		if errors.As(err, &refused) && refused.StatusCode == http.StatusUnauthorized {
			fmt.Println("log in first:", refused.Body)
		}
		return
	}
	defer client.Close()
	text, err := caller.Call(ctx, client.Conn(), greet, "world")
	fmt.Println(text, err)
}
