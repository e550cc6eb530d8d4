//! Tests of [`find_regions`].

use super::*;

/// A map drawn with one character per value: `.` is 0, `1`-`9` are tenths, `#` is 1.
fn draw(rows: &[&str]) -> (Vec<f32>, (usize, usize)) {
    let value = |c: char| match c {
        '.' => 0.0,
        '#' => 1.0,
        digit => digit.to_digit(10).expect("a digit") as f32 / 10.0,
    };
    (rows.iter().flat_map(|row| row.chars().map(value)).collect(), (rows[0].len(), rows.len()))
}

const EVERYTHING: RegionOptions = RegionOptions { threshold: 0.5, min_area: 1, max_regions: 64 };

fn boxes(rows: &[&str], scale: u32, options: &RegionOptions) -> Vec<(u32, u32, u32, u32)> {
    let (map, (w, h)) = draw(rows);
    let regions = find_regions(&map, (w, h), (w as u32 * scale, h as u32 * scale), None, options);
    regions.expect("regions").found.iter().map(|r| (r.x, r.y, r.width, r.height)).collect()
}

#[test]
fn diagonals_touch_and_gaps_separate() {
    assert_eq!(boxes(&["#...", ".#..", "..#.", "...#"], 1, &EVERYTHING), [(0, 0, 4, 4)]);
    assert_eq!(boxes(&["...#", "..#.", ".#..", "#..."], 1, &EVERYTHING), [(0, 0, 4, 4)]);
    assert_eq!(boxes(&["#.#", "...", "#.#"], 1, &EVERYTHING).len(), 4);
    // Columns do not wrap around: the end of a row is no neighbour of the next row's start.
    assert_eq!(boxes(&["..#", "#..", "..."], 1, &EVERYTHING).len(), 2);
    // A U that the scan meets as two arms first.
    assert_eq!(boxes(&["#..#", "#..#", "####"], 1, &EVERYTHING), [(0, 0, 4, 3)]);
}

#[test]
fn empty_full_and_single() {
    assert!(boxes(&["444", "...", "..."], 1, &EVERYTHING).is_empty());
    assert_eq!(boxes(&["###", "###"], 10, &EVERYTHING), [(0, 0, 30, 20)]);
    assert_eq!(boxes(&["#"], 7, &EVERYTHING), [(0, 0, 7, 7)]);
}

#[test]
fn sorted_scored_and_filtered() {
    let rows = ["6....#", "66....", "....77"];
    let (map, size) = draw(&rows);
    let regions = find_regions(&map, size, (60, 30), None, &EVERYTHING).expect("regions").found;
    let scores: Vec<f32> = regions.iter().map(|r| r.score).collect();
    assert_eq!(scores, [1.0, 0.7, 0.6]);
    assert_eq!(regions[2].area, 300, "three map pixels of a hundred original ones");
    let larger = RegionOptions { min_area: 2, ..EVERYTHING };
    assert_eq!(boxes(&rows, 1, &larger), [(4, 2, 2, 1), (0, 0, 2, 2)]);
    let first = RegionOptions { max_regions: 1, ..EVERYTHING };
    assert_eq!(boxes(&rows, 1, &first), [(5, 0, 1, 1)]);
}

#[test]
fn boxes_stay_inside_odd_sizes_and_contain_their_region() {
    let (map, size) = draw(&["..#", "...", "#.."]);
    let regions = find_regions(&map, size, (100, 7), None, &EVERYTHING).expect("regions").found;
    assert_eq!((regions[0].x, regions[0].width), (66, 34), "66.7 to 100, widened");
    assert_eq!((regions[1].y, regions[1].height), (4, 3), "4.7 to 7, widened");
    // An image smaller than its map: still at least one pixel.
    let tiny = find_regions(&map, size, (1, 1), None, &EVERYTHING).expect("regions").found;
    assert!(tiny.iter().all(|r| (r.x, r.y, r.width, r.height, r.area) == (0, 0, 1, 1, 1)));
}

#[test]
fn every_region_of_the_whole_has_a_part_in_the_map_afterwards() {
    let (whole, size) = draw(&["99....", "99....", "....77", "...77.", "5.....", "......"]);
    // Of the first region a part is left, the second is diluted, the third is too small on its own.
    let (mut map, _) = draw(&["9.....", "......", "....44", "...44.", "......", ".....8"]);
    let before = map.clone();
    let own = RegionOptions { min_area: 2, ..EVERYTHING };
    assert_eq!(restore_regions(&mut map, &whole, size, &EVERYTHING, &own), 1);
    let regions = |map: &[f32]| find_regions(map, size, (6, 6), None, &EVERYTHING).expect("regions").found;
    let boxes: Vec<_> = regions(&map).iter().map(|r| (r.x, r.y, r.width, r.height)).collect();
    assert_eq!(boxes, [(0, 0, 1, 1), (5, 5, 1, 1), (3, 2, 3, 2)]);
    assert!(map.iter().zip(&before).all(|(after, before)| after >= before));
    // Nothing to do, and nothing that fits.
    assert_eq!(restore_regions(&mut map, &whole, size, &EVERYTHING, &own), 0);
    assert_eq!(restore_regions(&mut map, &whole[1..], size, &EVERYTHING, &own), 0);
    assert_eq!(restore_regions(&mut [], &[], (0, 0), &EVERYTHING, &own), 0);
}

#[test]
fn what_has_no_region_is_counted() {
    let (map, size) = draw(&["6....#", "66....", "....77"]);
    let options = RegionOptions { min_area: 2, max_regions: 1, ..EVERYTHING };
    let regions = find_regions(&map, size, (6, 3), None, &options).expect("regions");
    assert_eq!((regions.found.len(), regions.small, regions.beyond), (1, 1, 1));
}

#[test]
fn class_is_the_strongest_defect_inside() {
    let (map, size) = draw(&["#.#"]);
    // Channels: normal, first defect, second defect. Normal never wins, however strong.
    let classes = [0.9, 0.9, 0.9, 0.1, 0.0, 0.05, 0.0, 0.0, 0.06];
    let regions = find_regions(&map, size, (3, 1), Some(&classes), &EVERYTHING).expect("regions").found;
    assert_eq!(regions.iter().map(|r| r.class).collect::<Vec<_>>(), [Some(0), Some(1)]);
}

#[test]
fn bad_input_is_an_error() {
    let find = |map: &[f32], size, original| find_regions(map, size, original, None, &EVERYTHING);
    assert!(matches!(find(&[], (0, 0), (1, 1)), Err(RegionError::Size { .. })));
    assert!(matches!(find(&[0.0; 3], (2, 2), (1, 1)), Err(RegionError::Size { .. })));
    assert!(matches!(find(&[0.0; 4], (usize::MAX, 2), (1, 1)), Err(RegionError::Size { .. })));
    assert!(matches!(find(&[0.0; 4], (2, 2), (0, 5)), Err(RegionError::EmptyImage { .. })));
    let nan = find(&[0.0, 0.0, 0.0, f32::NAN], (2, 2), (2, 2));
    assert!(matches!(nan, Err(RegionError::NotFinite { x: 1, y: 1, .. })), "{nan:?}");
    let normal_only = find_regions(&[1.0], (1, 1), (1, 1), Some(&[1.0]), &EVERYTHING);
    assert!(matches!(normal_only, Err(RegionError::Size { what: "class maps", .. })));
    let options = RegionOptions { threshold: f32::NAN, ..EVERYTHING };
    assert!(matches!(find_regions(&[1.0], (1, 1), (1, 1), None, &options), Err(RegionError::Threshold(_))));
}
