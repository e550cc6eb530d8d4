//! Connected components, the image processing under [`find_regions`](super::regions::find_regions).

/// Calls `found` with the pixel indices of each 8-connected component of `map` at or above `threshold`, in the order of
/// their first pixel. `map` must have `width * height` values.
pub(super) fn components(
    map: &[f32],
    (width, height): (usize, usize),
    threshold: f32,
    mut found: impl FnMut(&[usize]),
) {
    let mut visited = vec![false; map.len()];
    let mut members = Vec::new();
    for start in 0..map.len() {
        if visited[start] || map[start] < threshold {
            continue;
        }
        // A queue and not a recursion, which would be as deep as the component has pixels. The queue is also the list
        // of members.
        members.clear();
        members.push(start);
        visited[start] = true;
        let mut next = 0;
        while let Some(&at) = members.get(next) {
            next += 1;
            let (x, y) = (at % width, at / width);
            for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let neighbour = ny * width + nx;
                    if !visited[neighbour] && map[neighbour] >= threshold {
                        visited[neighbour] = true;
                        members.push(neighbour);
                    }
                }
            }
        }
        found(&members);
    }
}
