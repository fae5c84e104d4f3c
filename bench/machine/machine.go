// Package machine names where figures come from.
package machine

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Info describes the machine that this program runs on.
type Info struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Kernel string `json:"kernel"` // empty where the system does not tell
	Go     string `json:"go"`
}

// This returns the description of this machine.
func This() Info {
	return Info{
		CPU: cpuModel(), Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		Kernel: kernel(), Go: runtime.Version(),
	}
}

// String returns the description as one line.
func (i Info) String() string {
	line := fmt.Sprintf("%s, %d CPUs, %s/%s, %s", i.CPU, i.Cores, i.OS, i.Arch, i.Go)
	if i.Kernel != "" {
		line += ", kernel " + i.Kernel
	}
	return line
}

// cpuModel reads the processor's name where the system tells it.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unnamed processor"
	}
	defer func() { _ = f.Close() }() // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "model name"); ok {
			return strings.TrimLeft(name, " \t:")
		}
	}
	return "unnamed processor"
}

// kernel reads the kernel's release where the system tells it.
func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
