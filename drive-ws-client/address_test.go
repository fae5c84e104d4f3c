package driveclient

import "testing"

func TestWithPath(t *testing.T) {
	for address, want := range map[string]string{
		"ws://h:1":        "ws://h:1/ws",
		"ws://h:1/":       "ws://h:1/ws",
		"wss://h":         "wss://h/ws",
		"ws://[::1]:1":    "ws://[::1]:1/ws",
		"ws://h:1?x=1":    "ws://h:1/ws?x=1",
		"ws://h:1/a/ws":   "ws://h:1/a/ws",
		"ws://h:1/ws/":    "ws://h:1/ws/",
		"h:1":             "h:1",
		"":                "",
		"ws://h:1/%zz":    "ws://h:1/%zz",
		"ws://h:port/abc": "ws://h:port/abc",
	} {
		if got := withPath(address); got != want {
			t.Errorf("withPath(%q) = %q, want %q", address, got, want)
		}
	}
}
