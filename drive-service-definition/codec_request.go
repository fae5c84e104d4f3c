package driveservice

import rpc "github.com/simd-drive/go/muxio-rpc-service"

// Smallest encodings of list elements, in bytes: one for each field.
const (
	minKeyRef       = 3
	minWriteRequest = minKeyRef + 1
)

func putKey(w *rpc.Builder, k KeyRef) {
	w.Bytes(k.Key)
	w.Uvarint(k.Hash)
	w.Bool(k.ByHash)
}

func takeKey(c *rpc.Cursor) KeyRef {
	return KeyRef{Key: c.Bytes(), Hash: c.Uvarint(), ByHash: c.Bool()}
}

func putPosition(w *rpc.Builder, p Position) {
	w.Uvarint(p.Offset)
	w.Uvarint(p.Print)
}

func takePosition(c *rpc.Cursor) Position {
	return Position{Offset: c.Uvarint(), Print: c.Uvarint()}
}

func putWrite(w *rpc.Builder, v WriteRequest) {
	putKey(w, v.Key)
	w.Bytes(v.Value)
}

func takeWrite(c *rpc.Cursor) WriteRequest {
	return WriteRequest{Key: takeKey(c), Value: c.Bytes()}
}

var keyRequest = codec[KeyRequest]{
	build: func(w rpc.Builder, v KeyRequest) rpc.Builder { putKey(&w, v.Key); return w },
	parse: func(c rpc.Cursor) (KeyRequest, rpc.Cursor) { k := takeKey(&c); return KeyRequest{k}, c },
}

var keyPairRequest = codec[KeyPairRequest]{
	build: func(w rpc.Builder, v KeyPairRequest) rpc.Builder {
		putKey(&w, v.From)
		putKey(&w, v.To)
		return w
	},
	parse: func(c rpc.Cursor) (KeyPairRequest, rpc.Cursor) {
		v := KeyPairRequest{From: takeKey(&c), To: takeKey(&c)}
		return v, c
	},
}

var keysRequest = codec[KeysRequest]{
	count: func(v KeysRequest) int { return len(v.Keys) },
	limit: MaxBatch,
	build: func(w rpc.Builder, v KeysRequest) rpc.Builder {
		w.Uvarint(uint64(len(v.Keys)))
		for _, k := range v.Keys {
			putKey(&w, k)
		}
		return w
	},
	parse: func(c rpc.Cursor) (KeysRequest, rpc.Cursor) {
		keys, c := list(c, minKeyRef, MaxBatch, takeKey)
		return KeysRequest{keys}, c
	},
}

var writeRequest = codec[WriteRequest]{
	build: func(w rpc.Builder, v WriteRequest) rpc.Builder { putWrite(&w, v); return w },
	parse: func(c rpc.Cursor) (WriteRequest, rpc.Cursor) { v := takeWrite(&c); return v, c },
}

var batchWriteRequest = codec[BatchWriteRequest]{
	count: func(v BatchWriteRequest) int { return len(v.Entries) },
	limit: MaxBatch,
	build: func(w rpc.Builder, v BatchWriteRequest) rpc.Builder {
		w.Uvarint(uint64(len(v.Entries)))
		for _, e := range v.Entries {
			putWrite(&w, e)
		}
		return w
	},
	parse: func(c rpc.Cursor) (BatchWriteRequest, rpc.Cursor) {
		entries, c := list(c, minWriteRequest, MaxBatch, takeWrite)
		return BatchWriteRequest{entries}, c
	},
}

var streamReadRequest = codec[StreamReadRequest]{
	build: func(w rpc.Builder, v StreamReadRequest) rpc.Builder {
		putKey(&w, v.Key)
		w.Uvarint(v.Offset)
		w.Uvarint(v.Length)
		return w
	},
	parse: func(c rpc.Cursor) (StreamReadRequest, rpc.Cursor) {
		v := StreamReadRequest{Key: takeKey(&c), Offset: c.Uvarint(), Length: c.Uvarint()}
		return v, c
	},
}

var entriesRequest = codec[EntriesRequest]{
	build: func(w rpc.Builder, v EntriesRequest) rpc.Builder {
		w.Uvarint(uint64(v.Order))
		w.Bool(v.All)
		w.Uvarint(v.ValueLimit)
		return w
	},
	parse: func(c rpc.Cursor) (EntriesRequest, rpc.Cursor) {
		v := EntriesRequest{Order: Order(c.Uint(8)), All: c.Bool(), ValueLimit: c.Uvarint()}
		return v, c
	},
}

var statsRequest = codec[StatsRequest]{
	build: func(w rpc.Builder, v StatsRequest) rpc.Builder { w.Bool(v.Savings); return w },
	parse: func(c rpc.Cursor) (StatsRequest, rpc.Cursor) { b := c.Bool(); return StatsRequest{b}, c },
}

var compactRequest = codec[CompactRequest]{
	build: func(w rpc.Builder, v CompactRequest) rpc.Builder {
		w.Uvarint(uint64(v.Order))
		w.Uvarint(v.BytesPerSecond)
		return w
	},
	parse: func(c rpc.Cursor) (CompactRequest, rpc.Cursor) {
		v := CompactRequest{Order: Order(c.Uint(8)), BytesPerSecond: c.Uvarint()}
		return v, c
	},
}

var backupRequest = codec[BackupRequest]{
	build: func(w rpc.Builder, v BackupRequest) rpc.Builder {
		putPosition(&w, v.Since)
		w.Uvarint(v.BytesPerSecond)
		return w
	},
	parse: func(c rpc.Cursor) (BackupRequest, rpc.Cursor) {
		v := BackupRequest{Since: takePosition(&c), BytesPerSecond: c.Uvarint()}
		return v, c
	},
}
