package drive

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/simd-drive/go/drive-core/internal/golden"
)

// damagedDir holds the damaged golden files.
var damagedDir = filepath.Join("testdata", "golden", "damaged")

// loadDamaged returns the damaged golden files.
func loadDamaged(t *testing.T) []golden.Damaged {
	t.Helper()
	cases, err := golden.LoadDamaged(damagedDir)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// writeTemp writes data to a new file.
func writeTemp(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkBytes checks a drive of the given bytes.
func checkBytes(t testing.TB, data []byte) CheckReport {
	t.Helper()
	path := writeTemp(t, data)
	report, err := Check(context.Background(), path, CheckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(after, data) {
		t.Errorf("file changed, or gone: %v", err)
	}
	return report
}

func TestCheckHealthy(t *testing.T) {
	m := sample()
	want := CheckReport{Size: int64(len(m.data)), Entries: 5, Tombstones: 1, Live: 3, LiveBytes: 100 + 8 + 64}
	if diff := cmp.Diff(want, checkBytes(t, m.data)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(CheckReport{}, checkBytes(t, nil)); diff != "" {
		t.Errorf("empty file: %s", diff)
	}
}

// TestCheckFlippedBits flips one bit of every byte of a drive and demands that
// exactly the entry it belongs to is reported.
func TestCheckFlippedBits(t *testing.T) {
	m := sample()
	for i := range m.data {
		bad := m.bytes()
		bad[i] ^= 1 << (i % 8)
		var e located
		for _, tail := range m.tails {
			if e, _ = parseEntry(m.data, tail); int64(i) < tail {
				break
			}
		}
		entry := Problem{Offset: e.start, Size: e.size(), Kind: ProblemDamagedEntry, KeyHash: e.keyHash}
		var want []Problem
		switch at := int64(i); {
		case at < e.start:
			want = []Problem{{Offset: e.prevOffset, Size: e.start - e.prevOffset, Kind: ProblemPadding, KeyHash: e.keyHash}}
		case e.tombstone && at == e.start:
			// No longer a tombstone, and nothing else either: no room for a payload.
			want = []Problem{{Offset: e.prevOffset, Size: tombstoneSize, Kind: ProblemLost}}
		case at < e.end:
			want = []Problem{entry}
		case at < e.end+8: // the hash: nothing protects it
		case at < e.end+16:
			entry.Kind = ProblemDamagedLink
			want = []Problem{entry}
		default:
			want = []Problem{entry}
		}
		report := checkBytes(t, bad)
		if diff := cmp.Diff(want, report.Problems, cmpopts.IgnoreFields(Problem{}, "Detail")); diff != "" {
			t.Errorf("byte %d of entry %+v: %s", i, e, diff)
		}
	}
}

// TestCheckDamagedFiles demands for each damaged golden file what the manifest
// knows of the damage.
func TestCheckDamagedFiles(t *testing.T) {
	ignore := cmpopts.IgnoreFields(Problem{}, "Detail", "KeyHash")
	for _, c := range loadDamaged(t) {
		data, err := os.ReadFile(filepath.Join(damagedDir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		report := checkBytes(t, data)
		trailing := Problem{Offset: c.PrefixLen, Size: c.Size - c.PrefixLen, Kind: ProblemTrailing}
		entry := func(kind ProblemKind) Problem {
			e := c.Entries[c.Lost[0]]
			return Problem{Offset: e.PayloadStart, Size: e.PayloadEnd - e.PayloadStart, Kind: kind}
		}
		_, damage, _ := strings.Cut(c.Case, "_")
		var want []Problem
		switch {
		case c.Class == "foreign", c.Class == "no-valid-entry", c.PrefixLen == 0 && c.Lost == nil:
			want = []Problem{{Size: c.Size, Kind: ProblemNotDrive}}
		case c.Class == "ambiguous":
			// The bytes that look like an entry cannot be told from one.
			want = []Problem{{Offset: 120, Size: c.Size - 120, Kind: ProblemTrailing}}
		case strings.HasSuffix(damage, "padflip"):
			if report.Notes != 1 || len(report.Problems) != 1 || !report.Healthy() {
				t.Errorf("%s: %+v", c.Case, report)
			}
			continue
		case c.PrefixLen == c.Size: // intact, cut at a boundary, hashflip
		case damage == "duptail" && len(report.Problems) == 1 && report.Problems[0].Kind == ProblemDamagedLink:
			// Where the copy of the last entry lies at the same place of a block of 64 bytes, it
			// is an intact entry with a wrong link.
			if report.Problems[0].Offset < c.PrefixLen || report.Damaged != 0 || report.LostBytes != 0 {
				t.Errorf("%s: %+v", c.Case, report)
			}
			continue
		case strings.Contains(damage, "_prev"):
			want = []Problem{entry(ProblemDamagedLink)}
		case strings.HasSuffix(damage, "payloadflip"), strings.HasSuffix(damage, "crcflip"):
			want = []Problem{entry(ProblemDamagedEntry)}
		case damage == "hole64":
			if report.ProblemCount != 1 || report.Entries != int64(len(c.Entries)-len(c.Lost)) {
				t.Errorf("%s: %+v", c.Case, report)
			}
			continue
		default:
			want = []Problem{trailing}
		}
		if diff := cmp.Diff(want, report.Problems, ignore); diff != "" {
			t.Errorf("%s: %s", c.Case, diff)
		}
	}
}

func TestCheckReports(t *testing.T) {
	m := sample()
	bad := m.bytes()
	bad[0] ^= 1
	bad = append(bad, "garbage"...)
	path := writeTemp(t, bad)
	var problems []Problem
	var done, total int64
	report, err := Check(context.Background(), path, CheckOptions{
		OnProblem: func(p Problem) { problems = append(problems, p) },
		Progress:  func(d, n int64) { done, total = d, n },
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report.Problems, problems); diff != "" || len(problems) != 2 {
		t.Errorf("problems told and kept differ, or are not two: %s", diff)
	}
	if report.Healthy() || report.ProblemCount != 2 || report.Entries != 4 || report.Damaged != 1 || report.LostBytes != 7 {
		t.Errorf("report %+v", report)
	}
	if size := int64(len(bad)); done != size || total != size {
		t.Errorf("progress ended at %d of %d, want %d", done, total, size)
	}
	for _, p := range problems {
		if p.Detail == "" || strings.HasPrefix(p.Kind.String(), "ProblemKind") {
			t.Errorf("problem without words: %+v", p)
		}
	}
}

func TestCheckErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Check(ctx, writeTemp(t, sample().data), CheckOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if _, err := Check(context.Background(), t.TempDir(), CheckOptions{}); !errors.Is(err, ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := Check(context.Background(), missing, CheckOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("Check made a file")
	}
}

// TestCheckManyProblems goes over the number of problems that a report keeps.
func TestCheckManyProblems(t *testing.T) {
	m := new(image)
	for i := range maxProblems + 5 {
		m.value(string(rune('a'+i)), []byte("value"))
	}
	for _, tail := range m.tails[1:] {
		e, _ := parseEntry(m.data, tail)
		m.data[e.start] ^= 1
	}
	told := 0
	report, err := Check(context.Background(), writeTemp(t, m.data), CheckOptions{OnProblem: func(Problem) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	if told != maxProblems+4 || report.ProblemCount != maxProblems+4 || len(report.Problems) != maxProblems {
		t.Errorf("told %d, counted %d, kept %d", told, report.ProblemCount, len(report.Problems))
	}
}

func TestPrefixSums(t *testing.T) {
	data := golden.SplitMix(20_000, 9)
	for _, base := range []int64{0, 1, 777} {
		var p prefixSums
		p.reset(data, base, int64(len(data)))
		for end := base; end <= int64(len(data)); end += 1 + end%97 {
			for _, start := range []int64{base, base + (end-base)/3, max(base, end-1100), max(base, end-1), end} {
				if got, want := p.between(start, end), Checksum(data[start:end]); got != want {
					t.Fatalf("base %d, [%d:%d]: %08x, want %08x", base, start, end, got, want)
				}
			}
		}
	}
	zeros := make([]byte, 70_000) // lengths of three digits
	sum := Checksum([]byte("front"))
	for _, n := range []int64{0, 1, 255, 256, 65_535, 65_536, 70_000} {
		want := Checksum(append([]byte("front"), zeros[:n]...))
		if got := shiftChecksum(sum, n) ^ Checksum(zeros[:n]); got != want {
			t.Errorf("shift by %d: %08x, want %08x", n, got, want)
		}
	}
}
