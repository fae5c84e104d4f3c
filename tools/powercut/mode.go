//go:build linux

package powercut

import (
	"fmt"
	"time"

	drive "github.com/simd-drive/go/drive-core"
)

// mode is a sync mode and what is promised of it.
type mode struct {
	name    string
	sync    drive.SyncMode
	writers int
	weights weights
	pace    time.Duration // of each writer's calls, so that time passes where time matters

	// acknowledgedIsDurable: what was answered survives.
	acknowledgedIsDurable bool
	// damageIsTyped: a value that was not promised may be unreadable, and a drive of which nothing was promised
	// may be no drive, each with its typed error.
	damageIsTyped bool
}

// shortInterval is the interval of the mode SyncInterval here.
const shortInterval = 100 * time.Millisecond

// modes are the modes that the engine has.
var modes = []mode{
	{
		name: "SyncAlways", sync: drive.SyncAlways, writers: 6, acknowledgedIsDurable: true,
		weights: weights{opWrite: 400, opStream: 80, opBatch: 180, opDelete: 100, opDeleteBatch: 60, opRename: 100, opSync: 10, opCompact: 60},
	},
	{
		// Hardly any call that syncs by itself: that would hide that the interval does not.
		name: "SyncInterval", sync: drive.SyncInterval(shortInterval), writers: 4, pace: 12 * time.Millisecond,
		weights: weights{opWrite: 400, opStream: 80, opBatch: 180, opDelete: 100, opDeleteBatch: 60, opRename: 100, opCompact: 8},
	},
	{
		name: "SyncNone", sync: drive.SyncNone, writers: 4, pace: 8 * time.Millisecond, damageIsTyped: true,
		weights: weights{opWrite: 400, opStream: 80, opBatch: 180, opDelete: 100, opDeleteBatch: 60, opRename: 100, opSync: 10, opCompact: 20},
	},
}

// modeByName finds one of the modes.
func modeByName(name string) (mode, error) {
	for _, m := range modes {
		if m.name == name {
			return m, nil
		}
	}
	return mode{}, fmt.Errorf("no mode %q", name)
}
