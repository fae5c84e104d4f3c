package stores

import "sync"

var mapKind = Kind{
	Name:     "map",
	Settings: "Go's map under a sync.RWMutex, values copied when they are put; in memory only",
	More:     "less than all others: it is gone with the process, and stands here for orientation",
	open: func(string, Options) (Store, error) {
		return &mapStore{values: map[string][]byte{}}, nil
	},
}

type mapStore struct {
	mu     sync.RWMutex
	values map[string][]byte
}

func (m *mapStore) Put(key, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putLocked(key, value)
	return nil
}

func (m *mapStore) putLocked(key, value []byte) {
	m.values[string(key)] = append([]byte(nil), value...)
}

func (m *mapStore) PutMany(items []Item) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range items {
		m.putLocked(i.Key, i.Value)
	}
	return nil
}

func (m *mapStore) Get(key []byte, look func([]byte)) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.getLocked(key, look)
}

func (m *mapStore) getLocked(key []byte, look func([]byte)) error {
	value, found := m.values[string(key)]
	if !found {
		return ErrMissing
	}
	look(value)
	return nil
}

func (m *mapStore) GetMany(keys [][]byte, look func([]byte)) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, key := range keys {
		if err := m.getLocked(key, look); err != nil {
			return err
		}
	}
	return nil
}

func (m *mapStore) DeleteMany(keys [][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		delete(m.values, string(key))
	}
	return nil
}

func (m *mapStore) Each(look func([]byte)) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, value := range m.values {
		look(value)
	}
	return nil
}

func (m *mapStore) Close() error { return nil }
