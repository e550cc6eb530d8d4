//! Words of messages that every module writes.

use std::fmt::Display;

/// A count with its noun, which is given in the singular: `1 image`, `2 images`.
///
/// ```
/// use dapo_wgpu::words::plural;
///
/// assert_eq!([plural(1, "image"), plural(0, "image")], ["1 image", "0 images"]);
/// assert_eq!([plural(2, "launch"), plural(3, "entry")], ["2 launches", "3 entries"]);
/// ```
pub fn plural<N: Display + Copy + TryInto<u64>>(count: N, noun: &str) -> String {
    format!("{count} {}", noun_of(count, noun))
}

/// The noun alone, as the count has it.
pub fn noun_of<N: TryInto<u64>>(count: N, noun: &str) -> String {
    if is_one(count) {
        return noun.to_owned();
    }
    let hisses = ["s", "x", "z", "ch", "sh"].iter().any(|end| noun.ends_with(end));
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if hisses => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// The form of a verb that goes with a count: `agree(1, "was", "were")` is `was`.
pub fn agree<'a, N: TryInto<u64>>(count: N, one: &'a str, many: &'a str) -> &'a str {
    if is_one(count) { one } else { many }
}

/// What does not fit is many.
fn is_one<N: TryInto<u64>>(count: N) -> bool {
    matches!(count.try_into(), Ok(1))
}
