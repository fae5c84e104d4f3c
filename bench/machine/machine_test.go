package machine

import (
	"runtime"
	"strings"
	"testing"
)

func TestThis(t *testing.T) {
	i := This()
	for _, want := range []string{i.CPU, runtime.Version(), runtime.GOARCH} {
		if want == "" || !strings.Contains(i.String(), want) {
			t.Errorf("%q does not name %q", i, want)
		}
	}
	if runtime.GOOS == "linux" && i.Kernel == "" {
		t.Error("no kernel on Linux")
	}
}
