//! Inputs made of valid ones: the same number gives the same input on every machine.

#[path = "mutate_json.rs"]
mod json;

use std::sync::OnceLock;

use super::targets::{Form, Target, find};

/// Longest input.
const LONGEST: usize = 1 << 17;

/// A stream of random numbers (xorshift64*, Vigna 2016).
pub struct Rng(u64);

impl Rng {
    /// Another stream for each seed.
    pub fn new(seed: u64) -> Self {
        // SplitMix64 spreads seeds that lie beside each other.
        let mixed =
            (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(0x9e37_79b9_7f4a_7c15);
        Self((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A range of bytes, mostly a short one.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = (length - start).min(if self.below(4) == 0 { 4096 } else { 16 });
        start..start + self.below(most + 1)
    }
}

#[allow(dead_code)] // what `tests/fuzz.rs` calls
/// The input of this number: first the valid ones as they are, then changed ones.
pub fn input(target: &Target, seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    if let Some(seed) = usize::try_from(number).ok().and_then(|number| seeds.get(number)) {
        return seed.clone();
    }
    let of_name =
        target.name.bytes().fold(0u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut rng = Rng::new(of_name.wrapping_mul(1_000_003).wrapping_add(number));
    let mut bytes = seeds[rng.below(seeds.len())].clone();
    change(&mut bytes, target.form, seeds, &mut rng);
    if let Some(repair) = target.repair.filter(|_| rng.below(5) > 0) {
        repair(&mut bytes);
    }
    bytes
}

#[allow(dead_code)] // what `fuzz/` calls
/// Another form of an input that a fuzzer holds; one of the valid ones where it holds none.
pub fn changed(name: &str, input: &[u8], seed: u64) -> Vec<u8> {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let target = find(name);
    let seeds = SEEDS.get_or_init(target.seeds);
    let mut rng = Rng::new(seed);
    let is_new = input.len() < 4 || rng.below(64) == 0;
    let mut bytes = if is_new { seeds[rng.below(seeds.len())].clone() } else { input.to_vec() };
    change(&mut bytes, target.form, seeds, &mut rng);
    bytes
}

/// Changes bytes in one to eight places.
pub fn change(bytes: &mut Vec<u8>, form: Form, seeds: &[Vec<u8>], rng: &mut Rng) {
    if form == Form::Json && rng.below(4) > 0 && json::change(bytes, rng) && rng.below(4) > 0 {
        return;
    }
    for _ in 0..1 + rng.below(4) * rng.below(3) {
        match form {
            Form::Binary => change_bytes(bytes, seeds, rng),
            _ if rng.below(2) == 0 => change_text(bytes, rng),
            _ => change_bytes(bytes, seeds, rng),
        }
    }
    bytes.truncate(LONGEST);
}

/// Numbers at the edges of their types.
const NUMBERS: [u64; 20] = [
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

fn change_bytes(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut Rng) {
    let length = bytes.len();
    match rng.below(12) {
        0 | 1 if length > 0 => bytes[rng.below(length)] ^= 1 << rng.below(8),
        2 if length > 0 => bytes[rng.below(length)] = rng.next() as u8,
        // Headers come first.
        3 if length > 0 => bytes[rng.below(length.min(64))] = rng.next() as u8,
        4 | 5 if length > 0 => {
            let (width, value) = (rng.pick(&[1, 2, 4, 8]), rng.pick(&NUMBERS));
            let little = value.to_le_bytes();
            let most = if rng.below(2) == 0 { length } else { length.min(64) };
            let at = rng.below(most);
            for place in 0..width.min(length - at) {
                bytes[at + place] = little[place];
            }
            if rng.below(2) == 0 {
                let end = (at + width).min(length);
                bytes[at..end].reverse();
            }
        }
        // A length that is a little off.
        6 if length > 0 => {
            let at = rng.below(length);
            bytes[at] = bytes[at].wrapping_add(rng.pick(&[1, 2, 255, 254, 16, 240]));
        }
        7 => drop(bytes.drain(rng.range(length))),
        8 => {
            let block = bytes[rng.range(length)].to_vec();
            let times = if rng.below(8) == 0 { 1 + rng.below(400) } else { 1 + rng.below(3) };
            let times = times.min(LONGEST / block.len().max(1));
            let at = rng.below(length + 1);
            bytes.splice(at..at, block.repeat(times));
        }
        9 => {
            let other = &seeds[rng.below(seeds.len())];
            let part = other[rng.range(other.len())].to_vec();
            let place = rng.range(length);
            bytes.splice(place, part);
        }
        10 => bytes.truncate(rng.below(length + 1)),
        _ => {
            let new: Vec<u8> = (0..1 + rng.below(8)).map(|_| rng.next() as u8).collect();
            let at = rng.below(length + 1);
            bytes.splice(at..at, new);
        }
    }
}

/// Words that readers of text stumble over.
const WORDS: [&str; 40] = [
    "0",
    "-0",
    "-1",
    "1e999",
    "-1e999",
    "1e-999",
    "nan",
    "inf",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "4294967295",
    "4294967296",
    "2147483648",
    "65536",
    "0.5",
    "1e9",
    "999999999999",
    "\u{feff}",
    "\u{0}",
    "\r\n",
    "\n",
    "\t",
    "\"",
    "\"\"",
    "'",
    ",",
    "=",
    "..",
    "/",
    "\\",
    "[",
    "{",
    "null",
    "bru\u{308}chig",
    "\u{1F600}",
    "\u{FB03}",
    "\u{202e}",
    "&#x110000;",
];

/// Replaces a number or a word of a text.
fn change_text(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let at = rng.below(bytes.len() + 1);
    let start = (at..bytes.len()).find(|&at| is_word(bytes[at])).unwrap_or(bytes.len());
    let end = (start..bytes.len()).find(|&at| !is_word(bytes[at])).unwrap_or(bytes.len());
    match rng.below(6) {
        0 => {
            let word = rng.pick(&WORDS).as_bytes();
            bytes.splice(at..at, word.iter().copied());
        }
        1 => {
            // A line twice, or many times.
            let from = bytes[..at].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
            let to =
                bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |length| at + length + 1);
            let line = bytes[from..to].to_vec();
            let most = rng.pick(&[2, 2, 2, 300]);
            let times = 1 + rng.below(most);
            let times = times.min(LONGEST / line.len().max(1));
            bytes.splice(from..from, line.repeat(times));
        }
        2 => drop(bytes.splice(start..end, rng.next().to_string().into_bytes())),
        3 => drop(bytes.drain(start..end)),
        _ => drop(bytes.splice(start..end, rng.pick(&WORDS).bytes())),
    }
}
