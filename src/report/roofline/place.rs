//! Label placement. Everything that occupies space is a row of discs, so that rotated text and markers are
//! treated alike.

/// A disc in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disc {
    pub x: f64,
    pub y: f64,
    pub r: f64,
}

/// Discs below this radius belong to lines.
const THIN: f64 = 2.0;

impl Disc {
    fn meets(&self, other: &Disc) -> bool {
        (self.x - other.x).hypot(self.y - other.y) < self.r + other.r
    }
}

/// A line of text as discs: centred on (x, y), `width` long, rotated by `angle` radians.
pub(super) fn line(x: f64, y: f64, width: f64, size: f64, angle: f64) -> Vec<Disc> {
    let r = 0.55 * size;
    let half = (width / 2.0 - r).max(0.0);
    let count = (2.0 * half / r).ceil().max(1.0) as usize;
    (0..=count)
        .map(|i| half * (2.0 * i as f64 / count as f64 - 1.0))
        .map(|t| Disc { x: x + t * angle.cos(), y: y + t * angle.sin(), r })
        .collect()
}

/// A thin line as discs.
pub(super) fn thin([x1, y1, x2, y2]: [f64; 4]) -> Vec<Disc> {
    let steps = ((x2 - x1).hypot(y2 - y1) / 5.0).ceil().max(1.0);
    let at = |t: f64| Disc { x: x1 + t * (x2 - x1), y: y1 + t * (y2 - y1), r: 1.5 };
    (0..=steps as usize).map(|i| at(i as f64 / steps)).collect()
}

/// Occupied space within a rectangle `[left, top, right, bottom]`.
#[derive(Debug)]
pub(super) struct Room {
    inside: [f64; 4],
    taken: Vec<Disc>,
}

impl Room {
    pub fn new(inside: [f64; 4]) -> Self {
        Self { inside, taken: Vec::new() }
    }

    pub fn take(&mut self, discs: &[Disc]) {
        self.taken.extend_from_slice(discs);
    }

    /// The cost of overlaps of the discs: a crossed line counts 1, anything else 4.
    pub fn conflicts(&self, discs: &[Disc]) -> usize {
        let [left, top, right, bottom] = self.inside;
        let cost = |d: &Disc| {
            let outside = d.x - d.r < left || d.x + d.r > right || d.y - d.r < top || d.y + d.r > bottom;
            let met = self.taken.iter().filter(|t| t.meets(d)).map(|t| if t.r < THIN { 1 } else { 4 });
            met.max().unwrap_or(0).max(if outside { 8 } else { 0 })
        };
        discs.iter().map(cost).sum()
    }

    /// Occupies the first of the candidates with the fewest conflicts; `None` when there are none at all.
    pub fn settle<T>(&mut self, candidates: impl Iterator<Item = (T, Vec<Disc>)>) -> Option<T> {
        let mut best: Option<(usize, T, Vec<Disc>)> = None;
        for (place, discs) in candidates {
            let conflicts = self.conflicts(&discs);
            if best.as_ref().is_none_or(|(least, ..)| conflicts < *least) {
                best = Some((conflicts, place, discs));
            }
            if conflicts == 0 {
                break;
            }
        }
        let (_, place, discs) = best?;
        self.take(&discs);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_free_place_is_taken() {
        let mut room = Room::new([0.0, 0.0, 100.0, 100.0]);
        room.take(&line(50.0, 50.0, 40.0, 10.0, 0.0));
        let places = [(50.0, 52.0), (99.0, 20.0), (50.0, 70.0), (50.0, 90.0)];
        let found = room.settle(places.into_iter().map(|(x, y)| ((x, y), line(x, y, 40.0, 10.0, 0.0))));
        assert_eq!(found, Some((50.0, 70.0)), "one is taken, one is outside");
        let again = room.settle(places.into_iter().map(|(x, y)| ((x, y), line(x, y, 40.0, 10.0, 0.0))));
        assert_eq!(again, Some((50.0, 90.0)));
        assert_eq!(room.settle(std::iter::empty::<((), Vec<Disc>)>()), None);
    }
}
