//! Names under which the results of images are stored.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Component, Path};

use crate::files::digest_of;

/// What may stand behind the stem of an image in the name of its map.
const OF_MAPS: [&str; 3] = ["_map", ".binary", ".multi"];

/// A unique name for each image: its path without extension, with `/` between the parts. Within a group, images that differ
/// in the extension only keep it (`000.png`, `000.bmp`), and so do those whose name is that of another with an ending of maps
/// (`000_map.png` beside `000.png`). `-2`, `-3` and so on distinguish what is equal then, as in two groups.
///
/// Names are never absolute, without `..`, in characters that every file system allows, and differ also where case does
/// not count.
pub fn unique_names(images: &[(&Path, &Path)]) -> Vec<String> {
    let bases: Vec<[String; 2]> =
        images.iter().map(|(_, path)| [without_extension(path), whole(path)]).collect();
    let mut shared: HashMap<(&Path, String), usize> = HashMap::new();
    for ((group, _), [stem, _]) in images.iter().zip(&bases) {
        *shared.entry((group, stem.to_lowercase())).or_default() += 1;
    }
    let is_shared = |group: &Path, stem: &str| {
        let stem = stem.to_lowercase();
        let of_another = |ending: &&str| {
            stem.strip_suffix(*ending).is_some_and(|stem| shared.contains_key(&(group, stem.to_owned())))
        };
        OF_MAPS.iter().any(of_another) || shared[&(group, stem.clone())] > 1
    };
    let mut used = HashMap::new();
    let mut names = vec![String::new(); images.len()];
    // Names without extension come first, so that they do not depend on the others.
    for with_extension in [false, true] {
        for (at, ((group, _), [stem, whole])) in images.iter().zip(&bases).enumerate() {
            if is_shared(group, stem) == with_extension {
                names[at] = claim(&mut used, if with_extension { whole } else { stem });
            }
        }
    }
    names
}

/// `base`, or with a number where that is in use. `used` has the next number to try for each name: without it, many equal
/// names would take the square of their number in time.
fn claim(used: &mut HashMap<String, usize>, base: &str) -> String {
    let (mut name, key) = (base.to_owned(), base.to_lowercase());
    let mut number = used.get(&key).copied().unwrap_or(2);
    while used.contains_key(&name.to_lowercase()) {
        name = format!("{base}-{number}");
        number += 1;
    }
    used.insert(name.to_lowercase(), 2);
    used.insert(key, number);
    name
}

fn without_extension(path: &Path) -> String {
    whole(&path.with_extension(""))
}

/// The parts of a path below its root, with `/`: parts that lead elsewhere are left out or replaced.
fn whole(path: &Path) -> String {
    let below = path.components().filter(|part| !matches!(part, Component::RootDir | Component::CurDir));
    let below = below.filter(|part| !matches!(part, Component::ParentDir));
    let parts: Vec<String> = below.map(|part| portable(&part.as_os_str().to_string_lossy())).collect();
    if parts.is_empty() { "_".to_owned() } else { parts.join("/") }
}

/// `part` as a file name that any system allows: no separators, no reserved characters, not `.` or `..`.
fn portable(part: &str) -> String {
    let allowed = |c: char| !c.is_control() && !r#"/\:*?"<>|"#.contains(c);
    let mut name: String = part.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    // Windows drops trailing dots and spaces, which may make two names equal.
    let kept = name.trim_end_matches(['.', ' ']).len();
    if kept < name.len() {
        name.truncate(kept);
        name.push('_');
    }
    if name.is_empty() { "_".into() } else { short_name(&name).into_owned() }
}

/// Most bytes of a name: file systems allow 255, and endings of maps and pictures are added.
const MOST_BYTES: usize = 200;

/// A name that leaves room for endings: of a longer one its beginning, and a digest of all of it.
pub fn short_name(name: &str) -> Cow<'_, str> {
    if name.len() <= MOST_BYTES {
        return Cow::Borrowed(name);
    }
    let digest = digest_of(name.as_bytes());
    let kept = (0..=MOST_BYTES - 9).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
    Cow::Owned(format!("{}-{}", &name[..kept], &digest[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(images: &[(&str, &str)]) -> Vec<String> {
        let images: Vec<_> = images.iter().map(|(group, path)| (Path::new(group), Path::new(path))).collect();
        unique_names(&images)
    }

    #[test]
    fn names_are_unique() {
        let found = names(&[("a", "0.png"), ("a", "0.bmp"), ("a", "0.JPG"), ("a", "1.png"), ("b", "1.png")]);
        assert_eq!(found, ["0.png", "0.bmp", "0.JPG", "1", "1-2"]);
        assert_eq!(
            names(&[("", "A.png"), ("", "a.png"), ("", "a.png.bmp")]),
            ["A.png-2", "a.png-3", "a.png"]
        );
        // Names that another program gives to maps.
        let found = names(&[("", "x/0.png"), ("", "x/0_map.png"), ("", "x/0.binary.bmp"), ("", "1_map.png")]);
        assert_eq!(found, ["x/0", "x/0_map.png", "x/0.binary.bmp", "1_map"]);
    }

    #[test]
    fn many_equal_names_are_numbered_at_once() {
        let began = std::time::Instant::now();
        let groups: Vec<String> = (0..30_000).map(|n| n.to_string()).collect();
        let images: Vec<_> = groups.iter().map(|group| (group.as_str(), "0.png")).collect();
        let found = names(&images);
        assert_eq!((&*found[0], &*found[1], &*found[29_999]), ("0", "0-2", "0-30000"));
        assert_eq!(names(&[("", "0-2.png"), ("a", "0.png"), ("b", "0.png")]), ["0-2", "0", "0-3"]);
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    }

    #[test]
    fn long_names_leave_room_for_endings_and_stay_apart() {
        let long = |end: &str| format!("{}{end}.png", "ü".repeat(120));
        let found = names(&[("", &long("a")), ("", &long("b")), ("", &long("a/c"))]);
        assert!(found.iter().flat_map(|name| name.split('/')).all(|part| part.len() <= MOST_BYTES));
        assert!(found[0] != found[1] && found[0].starts_with(&"ü".repeat(95)), "{found:?}");
        assert_eq!(short_name("short"), "short");
    }

    #[test]
    fn names_cannot_leave_their_folder() {
        let parts = ["..", ".", "", "a/b\\c", "C:", "end. ", "fine.name"];
        let expected = ["_", "_", "_", "a_b_c", "C_", "end_", "fine.name"];
        assert_eq!(parts.map(portable), expected);
        assert_eq!(
            names(&[("", "../../a/0.png"), ("", "/a/0.png"), ("", "..")]),
            ["a/0.png", "a/0.png-2", "_"]
        );
    }
}
