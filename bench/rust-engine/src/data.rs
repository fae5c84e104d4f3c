//! The keys and values of all cases, and the order in which they are read.

use std::time::Duration;

pub const KIB: usize = 1 << 10;
pub const MIB: usize = 1 << 20;

/// What values are filled with.
pub const FILL: u8 = 0xAB;

/// Divides what a case has.
pub struct Scale(pub u64);

impl Scale {
    /// Returns a number of entries or bytes.
    pub fn of(&self, n: u64) -> u64 {
        (n / self.0).max(1)
    }

    /// Returns a time.
    pub fn seconds(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds / self.0 as f64)
    }
}

/// SplitMix64, which chooses the keys to read.
pub struct SplitMix(pub u64);

impl SplitMix {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// The first ten bytes of each key, as a word and the rest.
const PREFIX: &[u8; 10] = b"bench-key-";

/// Appends key number `n` to `key`, in whole words as the twin in Go does: a word that was
/// written in pieces just before keeps the reads of a drive from overlapping.
pub fn append_key(key: &mut Vec<u8>, n: u64) {
    let (mut digits, mut word, mut rest) = (0, 0u64, n);
    while digits <= 8 {
        word = word << 8 | (u64::from(b'0') + rest % 10);
        digits += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if digits > 8 {
        key.extend_from_slice(PREFIX);
        key.extend_from_slice(n.to_string().as_bytes());
        return;
    }
    let begin = key.len();
    key.resize(begin + 24, 0);
    let room = &mut key[begin..begin + 24];
    let tail = u64::from(u16::from_le_bytes([PREFIX[8], PREFIX[9]]));
    room[..8].copy_from_slice(&PREFIX[..8]);
    room[8..16].copy_from_slice(&(tail | word << 16).to_le_bytes());
    room[16..].copy_from_slice(&(word >> 48).to_le_bytes());
    key.truncate(begin + PREFIX.len() + digits);
}

/// Some keys in one piece of memory that is used again.
#[derive(Default)]
pub struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Keys {
    /// Forgets the keys and takes those with these numbers.
    pub fn fill(&mut self, numbers: impl Iterator<Item = u64>) {
        self.bytes.clear();
        self.ends.clear();
        for n in numbers {
            append_key(&mut self.bytes, n);
            self.ends.push(self.bytes.len());
        }
    }

    /// Returns the keys in their order.
    pub fn slices(&self) -> Vec<&[u8]> {
        let mut list = Vec::with_capacity(self.ends.len());
        let mut begin = 0;
        for &end in &self.ends {
            list.push(&self.bytes[begin..end]);
            begin = end;
        }
        list
    }
}
