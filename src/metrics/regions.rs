//! Connected regions of a mask.

use super::error::Undefined;

/// The defective regions of one mask, 8-connected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Regions {
    /// Each defective pixel with its region, in the order of pixels.
    pub pixels: Vec<(usize, u32)>,
    /// Pixels of each region.
    pub areas: Vec<u32>,
}

/// The representative of the set that `label` is in, after halving the way to it.
fn root(parents: &mut [u32], mut label: u32) -> u32 {
    while parents[label as usize] != label {
        let above = parents[parents[label as usize] as usize];
        parents[label as usize] = above;
        label = above;
    }
    label
}

impl Regions {
    /// Finds the regions of a mask in rows of `width` by union-find, in two passes over the pixels.
    ///
    /// # Errors
    /// [`Undefined::Rows`].
    pub fn of(mask: &[bool], width: usize) -> Result<Self, Undefined> {
        if width == 0 || !mask.len().is_multiple_of(width) {
            return Err(Undefined::Rows { values: mask.len(), width });
        }
        let mut found = Self::default();
        if !mask.contains(&true) {
            return Ok(found);
        }
        let mut parents: Vec<u32> = Vec::new();
        // Labels of the row above and of this one; 0 is background, label l stands for parents[l - 1].
        let (mut above, mut here) = (vec![0_u32; width], vec![0_u32; width]);
        for (y, row) in mask.chunks_exact(width).enumerate() {
            for (x, _) in row.iter().enumerate().filter(|(_, defective)| **defective) {
                let left = if x > 0 { here[x - 1] } else { 0 };
                let near = &above[x.saturating_sub(1)..(x + 2).min(width)];
                let mut neighbours = near.iter().copied().chain([left]).filter(|&label| label > 0);
                let label = match neighbours.next() {
                    None => {
                        parents.push(parents.len() as u32);
                        parents.len() as u32
                    }
                    Some(first) => {
                        let mut one = root(&mut parents, first - 1);
                        for other in neighbours {
                            let other = root(&mut parents, other - 1);
                            let (low, high) = (one.min(other), one.max(other));
                            parents[high as usize] = low;
                            one = low;
                        }
                        one + 1
                    }
                };
                here[x] = label;
                found.pixels.push((y * width + x, label - 1));
            }
            std::mem::swap(&mut above, &mut here);
            here.fill(0);
        }
        // Roots are smaller than what hangs on them, so one pass numbers the regions in order.
        let mut names = vec![u32::MAX; parents.len()];
        for (_, label) in &mut found.pixels {
            let top = root(&mut parents, *label) as usize;
            if names[top] == u32::MAX {
                names[top] = found.areas.len() as u32;
                found.areas.push(0);
            }
            *label = names[top];
            found.areas[names[top] as usize] += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas(rows: &[&str]) -> Vec<u32> {
        let mask: Vec<bool> = rows.concat().bytes().map(|b| b == b'#').collect();
        Regions::of(&mask, rows[0].len()).expect("rows").areas
    }

    #[test]
    fn diagonals_connect_and_edges_do_not_wrap() {
        assert_eq!(areas(&["#..#", ".#..", "...#"]), [2, 1, 1]);
        assert_eq!(areas(&["...#", "#..."]), [1, 1], "the end of a row is not beside the next one");
        assert_eq!(areas(&["..#", ".#.", "#.."]), [3], "the other diagonal");
        assert_eq!(areas(&["...."]), [0; 0]);
    }

    #[test]
    fn arms_that_meet_late_are_one() {
        assert_eq!(areas(&["#.#.#", "#.#.#", "#.#.#", "#####"]), [14]);
        assert_eq!(areas(&["#####", "....#", "###.#", "#...#", "#####"]), [17]);
        assert_eq!(areas(&["#...#", ".#.#.", "..#.."]), [5]);
        assert_eq!(Regions::of(&[true; 5], 2), Err(Undefined::Rows { values: 5, width: 2 }));
    }
}
