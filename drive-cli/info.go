package main

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Layout of the summaries.
const (
	summaryColumns = 50
	labelColumns   = 25
	entryOverhead  = 20 // bytes of an entry beside its value, padding not counted
)

// summary is a block of labelled lines.
type summary struct{ strings.Builder }

func newSummary(title string) *summary {
	var s summary
	bar := strings.Repeat("=", (summaryColumns-len(title)-2)/2)
	_, _ = fmt.Fprintf(&s, "\n%s %s %s\n", bar, title, bar)
	return &s
}

func (s *summary) line(label, format string, args ...any) {
	_, _ = fmt.Fprintf(s, "%-*s %s\n", labelColumns, label+":", fmt.Sprintf(format, args...))
}

func (s *summary) rule() { s.WriteString(strings.Repeat("-", summaryColumns) + "\n") }

func (s *summary) end() string { return s.String() + strings.Repeat("=", summaryColumns) }

// infoCmd shows size and number of entries.
type infoCmd struct {
	Detailed   bool `help:"Show also what a compaction would save, and what takes the space."`
	damageFlag `embed:""`
}

type infoResult struct {
	Store    string      `json:"store"`
	FileSize int64       `json:"file_size"`
	Entries  int64       `json:"entries"`
	Detail   *infoDetail `json:"detail,omitempty"`
}

type infoDetail struct {
	CompactionSavings int64 `json:"compaction_savings"`
	AllEntries        int64 `json:"all_entries"`
	Tombstones        int64 `json:"tombstones"`
	LiveBytes         int64 `json:"live_bytes"`
}

func (r infoResult) text() string {
	s := newSummary("STORAGE INFO")
	s.line("STORAGE FILE", "%s", strconv.Quote(r.Store))
	s.rule()
	s.line("TOTAL SIZE", "%s", formatSize(r.FileSize))
	s.line("ACTIVE ENTRIES", "%d", r.Entries)
	if r.Detail == nil {
		s.line("COMPACTION SAVINGS", "(use --detailed)")
		return s.end()
	}
	s.line("COMPACTION SAVINGS", "%s", formatSize(r.Detail.CompactionSavings))
	s.line("ALL ENTRIES", "%d", r.Detail.AllEntries)
	s.line("TOMBSTONES", "%d", r.Detail.Tombstones)
	s.line("LIVE VALUES", "%s", formatSize(r.Detail.LiveBytes))
	return s.end()
}

func (c *infoCmd) Run(a *app) error {
	return a.withStore(c.access(), func(t target) error {
		st, err := t.stats(a.ctx, c.Detailed)
		if err != nil {
			return err
		}
		r := infoResult{Store: a.store, FileSize: st.fileSize, Entries: st.liveEntries}
		if c.Detailed {
			r.Detail = &infoDetail{st.savings, st.allEntries, st.tombstones, st.liveBytes}
		}
		return a.out.emit(r)
	})
}

// metadataCmd shows what is stored about a key, and whether its value is whole.
type metadataCmd struct {
	Key        rawString `arg:"" help:"Key to look up."`
	keyFlags   `embed:""`
	damageFlag `embed:""`
}

type metadataResult struct {
	Key    *string `json:"key,omitempty"`
	KeyHex string  `json:"key_hex,omitempty"`
	entryJSON
	Valid bool `json:"checksum_valid"`
	key   key
	entry entryRecord
}

func (r metadataResult) text() string {
	e := r.entry
	s := newSummary("METADATA SUMMARY")
	s.line("ENTRY FOR", "%s", strconv.Quote(r.key.text))
	s.rule()
	s.line("PAYLOAD SIZE", "%s", formatSize(e.size))
	s.line("TOTAL SIZE (W/ METADATA)", "%s", formatSize(e.size+entryOverhead))
	s.line("OFFSET RANGE", "%d..%d", e.offset, e.offset+e.size)
	if e.address != "" {
		s.line("MEMORY ADDRESS", "%s", e.address)
	}
	s.line("KEY HASH", "%d", e.keyHash)
	s.line("CHECKSUM", "%d", e.checksum)
	s.line("CHECKSUM VALIDITY", "%s", map[bool]string{true: "VALID", false: "INVALID"}[r.Valid])
	s.rule()
	sum := binary.LittleEndian.AppendUint32(nil, e.checksum)
	s.line("STORED METADATA", "EntryMetadata { key_hash: %d, prev_offset: %d, checksum: [%d, %d, %d, %d] }",
		e.keyHash, e.prevOffset, sum[0], sum[1], sum[2], sum[3])
	return s.end()
}

func (c *metadataCmd) Run(a *app) error {
	k, err := c.parse(c.Key)
	if err != nil {
		return err
	}
	return a.withStore(c.access(), func(t target) error {
		e, err := t.metadata(a.ctx, k)
		if err != nil {
			return err
		}
		valid, err := isWhole(a.ctx, t, k)
		if err != nil {
			return err
		}
		record := k.record()
		return a.out.emit(metadataResult{
			Key: record.Key, KeyHex: record.KeyHex, entryJSON: e.record(), Valid: valid, key: k, entry: e,
		})
	})
}
