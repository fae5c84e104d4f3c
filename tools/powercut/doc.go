// Package powercut tries what is left of a drive when the power goes.
//
// A file that a FUSE server in this process keeps in memory is the disk. A loop
// device makes a block device of it, ext4 lives on that, and a workload in a
// process of its own writes a drive there. The server notes every write and every
// flush of the disk in the order in which they come. A disk that loses its power
// has everything that was written before its last flush, and of what was written
// since any part, in pieces of a sector. So disks are built from the record, as
// they would be had the power gone at that moment, mounted and opened, and compared
// with what the workload had been told by then.
//
// Linux only; needs root, /dev/fuse, loop devices and mkfs.ext4.
package powercut
