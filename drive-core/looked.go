package drive

// countLooked, unless nil, is told how many bytes a scan of a file has read. Tests set
// it, while nothing else runs, to hold that the work of opening and repairing a file is
// linear in its size, whatever it holds.
var countLooked func(bytes int64)

// lookedAt tells of bytes that a scan has read.
func lookedAt(bytes int64) {
	if countLooked != nil {
		countLooked(bytes)
	}
}
