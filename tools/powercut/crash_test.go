//go:build linux

package powercut

import (
	"bytes"
	"testing"
)

// page returns n pages of one byte.
func page(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n*pageSize) }

// testRecording is a disk of eight pages: A on the first six is flushed; then B on
// pages 2 and 3, and C on pages 3 and 4; a flush; D on page 6.
func testRecording() *recording {
	return &recording{base: newImage(8 * pageSize), log: []record{
		{off: 0, data: page('A', 6)},
		{},
		{off: 2 * pageSize, data: page('B', 2)},
		{off: 3 * pageSize, data: page('C', 2)},
		{},
		{off: 6 * pageSize, data: page('D', 1)},
	}}
}

// letters returns the first byte of each sector, and fails if a sector is mixed.
func letters(t *testing.T, im *image) string {
	t.Helper()
	var out []byte
	sector := make([]byte, sectorSize)
	for off := int64(0); off < im.size(); off += sectorSize {
		im.readAt(sector, off)
		if !bytes.Equal(sector, bytes.Repeat(sector[:1], sectorSize)) {
			t.Fatalf("the sector at %d is mixed", off)
		}
		out = append(out, max(sector[0], '.'))
	}
	return string(out)
}

// sectors repeats each letter for the sectors of a page.
func sectors(pages string) string {
	var out []byte
	for _, p := range []byte(pages) {
		out = append(out, bytes.Repeat([]byte{p}, pageSize/sectorSize)...)
	}
	return string(out)
}

func TestRebuilder(t *testing.T) {
	for _, c := range []struct {
		crash
		want string
	}{
		{crash{at: 0, keep: 1}, "........"},
		{crash{at: 1, keep: 0}, "........"},
		{crash{at: 1, keep: 1, piece: sectorSize}, "AAAAAA.."},
		{crash{at: 2, keep: 0}, "AAAAAA.."},
		{crash{at: 4, keep: 0}, "AAAAAA.."},
		{crash{at: 3, keep: 1}, "AABBAA.."},
		{crash{at: 4, keep: 1, piece: pageSize}, "AABCCA.."},
		{crash{at: 5, keep: 0}, "AABCCA.."},
		{crash{at: 6, keep: 0}, "AABCCA.."},
		{crash{at: 6, keep: 1}, "AABCCAD."},
	} {
		if got := letters(t, newRebuilder(testRecording()).image(c.crash)); got != sectors(c.want) {
			t.Errorf("%v: %s, want %s", c.crash, got, sectors(c.want))
		}
	}
}

// TestRebuilderKeepsAnyPart: of what is not flushed each piece can be there or not,
// and no other piece than those that were written changes.
func TestRebuilderKeepsAnyPart(t *testing.T) {
	for _, piece := range []int64{0, sectorSize, pageSize} {
		seen := map[int]map[byte]bool{}
		torn := false
		for seed := range uint64(300) {
			got := letters(t, newRebuilder(testRecording()).image(crash{at: 4, keep: 0.5, piece: piece, seed: seed}))
			for i := range len(got) {
				p := i * sectorSize / pageSize
				if seen[p] == nil {
					seen[p] = map[byte]bool{}
				}
				seen[p][got[i]] = true
				torn = torn || i > 0 && i*sectorSize%pageSize != 0 && got[i] != got[i-1]
			}
		}
		for p, want := range []string{"A", "A", "AB", "ABC", "AC", "A", ".", "."} {
			for _, letter := range []byte(want) {
				if !seen[p][letter] {
					t.Errorf("pieces of %d: page %d never is %c", piece, p, letter)
				}
			}
			if len(seen[p]) != len(want) {
				t.Errorf("pieces of %d: page %d is %v, want %s", piece, p, seen[p], want)
			}
		}
		if torn != (piece == sectorSize) {
			t.Errorf("pieces of %d: pages torn: %v", piece, torn)
		}
	}
}

// TestSuperblockIsWhole: the page of the superblock is never torn.
func TestSuperblockIsWhole(t *testing.T) {
	for seed := range uint64(100) {
		c := crash{at: 1, keep: 0.5, piece: sectorSize, seed: seed}
		got := letters(t, newRebuilder(testRecording()).image(c))[:pageSize/sectorSize]
		if got != sectors("A") && got != sectors(".") {
			t.Fatalf("the first page is %s", got)
		}
	}
}

func TestDrawCrashes(t *testing.T) {
	rec := testRecording()
	crashes := drawCrashes(rec, 50, 1)
	b := newRebuilder(rec)
	last, ends := 0, 0
	for _, c := range crashes {
		if c.at < last || c.at > len(rec.log) {
			t.Errorf("%v after record %d", c, last)
		}
		last = c.at
		if c.at == len(rec.log) && c.keep == 0 {
			ends++
		}
		if got, want := letters(t, b.image(c)), letters(t, newRebuilder(rec).image(c)); got != want {
			t.Errorf("%v: %s after other crashes, %s alone", c, got, want)
		}
	}
	if len(crashes) != 50 || ends == 0 {
		t.Errorf("%d crashes, %d at the end", len(crashes), ends)
	}
}
