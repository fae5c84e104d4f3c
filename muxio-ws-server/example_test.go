package wsserver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	endpoint "github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
	wsclient "github.com/simd-drive/go/muxio-ws-client"
	wsserver "github.com/simd-drive/go/muxio-ws-server"
)

var greet = rpc.NewMethod("greeter.greet", rpc.Binary[string](), rpc.Binary[string]())

func Example() {
	if err := greetOverWebSocket(); err != nil {
		fmt.Println(err)
	}
	// Output: hello, world
}

func greetOverWebSocket() error {
	calls := endpoint.New(endpoint.Options{})
	err := endpoint.Handle(calls, greet, func(_ context.Context, name string) (string, error) {
		return "hello, " + name, nil
	})
	if err != nil {
		return err
	}
	server := wsserver.New(wsserver.Options{Handler: calls})
	web := httptest.NewServer(server) // or any http.Server, on any path
	defer web.Close()

	ctx := context.Background()
	client, err := wsclient.Dial(ctx, "ws"+strings.TrimPrefix(web.URL, "http"), wsclient.Options{})
	if err != nil {
		return err
	}
	text, err := caller.Call(ctx, client.Conn(), greet, "world")
	fmt.Println(text)
	return errors.Join(err, client.Close(), server.Shutdown(ctx))
}
