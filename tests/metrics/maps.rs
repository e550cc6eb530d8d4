//! The maps that `tools/metrics_reference.py` makes too: integers from a linear congruential generator divided by a
//! power of two, so that both get the same float32 values.

/// One map and its mask.
#[derive(Clone)]
pub struct Labelled {
    pub values: Vec<f32>,
    pub mask: Vec<bool>,
    pub width: usize,
}

/// Channels of one image and the class of each pixel.
pub struct Typed {
    pub maps: Vec<f32>,
    pub truth: Vec<u8>,
}

/// 24-bit numbers.
struct Lcg(u32);

impl Lcg {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }
}

const UNIT: u32 = 1 << 24;
const WIDTH: usize = 24;
const PIXELS: usize = WIDTH * 20;

fn unit(value: u32) -> f32 {
    value as f32 / UNIT as f32
}

/// Single pixels at random, one in twelve.
fn speckle(random: &mut Lcg) -> Vec<bool> {
    (0..PIXELS).map(|_| random.next() < UNIT / 12).collect()
}

fn images(seed: u32, mut value: impl FnMut(&mut Lcg, bool) -> f32) -> Vec<Labelled> {
    let mut random = Lcg(seed);
    let mut image = |_| {
        let mask = speckle(&mut random);
        let values = mask.iter().map(|&m| value(&mut random, m)).collect();
        Labelled { values, mask, width: WIDTH }
    };
    (0..3).map(&mut image).collect()
}

/// Noise, somewhat higher where defective.
pub fn noise() -> Vec<Labelled> {
    images(1, |random, defective| {
        let value = random.next() / 2;
        unit(value + if defective { random.next() / 3 } else { 0 })
    })
}

/// Eleven values.
pub fn tied() -> Vec<Labelled> {
    images(2, |random, defective| {
        let level = random.next() / (UNIT / 8);
        (level + if defective { random.next() / (UNIT / 4) } else { 0 }) as f32 / 16.0
    })
}

/// All within 1/256.
pub fn squeezed() -> Vec<Labelled> {
    images(3, |random, defective| {
        let low = random.next() / 512;
        unit(UNIT / 2 + low + if defective { random.next() / 512 } else { 0 })
    })
}

/// Ones and zeros with a false alarm or two: a single false-positive rate, so that there is no AUPRO.
pub fn degenerate() -> Vec<Labelled> {
    images(4, |random, defective| {
        let alarm = random.next() < UNIT / 200;
        if defective || alarm { 1.0 } else { 0.0 }
    })
}

/// Disks of defect under smooth bumps that miss them by a little, faint bumps elsewhere, and two good images.
pub fn blobs() -> Vec<Labelled> {
    const SIDE: i64 = 64;
    let mut random = Lcg(5);
    let mut image = |index: u32| {
        let mut number = |below: u32| i64::from(random.next() % below);
        let disks: Vec<[i64; 3]> = (0..if index < 2 { 0 } else { 1 + index % 3 })
            .map(|_| [8 + number(48), 8 + number(48), 2 + number(6)])
            .collect();
        let mut bumps: Vec<[i64; 4]> = disks
            .iter()
            .map(|[x, y, r]| [x + number(5) - 2, y + number(5) - 2, r + 2, 6 + number(10)])
            .collect();
        bumps.extend((0..3).map(|_| [number(64), number(64), 3 + number(4), 1 + number(6)]));
        let square = |x: i64, y: i64, a: i64, b: i64| (x - a) * (x - a) + (y - b) * (y - b);
        let at = |i: i64| (i % SIDE, i / SIDE);
        let mask =
            (0..SIDE * SIDE).map(at).map(|(x, y)| disks.iter().any(|&[a, b, r]| square(x, y, a, b) <= r * r));
        let mask: Vec<bool> = mask.collect();
        let bump = |x: i64, y: i64, [a, b, r, height]: [i64; 4]| {
            i64::from(UNIT) / 16 * height * r * r / (r * r + square(x, y, a, b))
        };
        let values = (0..SIDE * SIDE).map(at).map(|(x, y)| {
            let highest = bumps.iter().map(|&b| bump(x, y, b)).max().expect("three or more");
            unit((highest + i64::from(random.next() / 32)) as u32 / 2)
        });
        Labelled { values: values.collect(), mask, width: SIDE as usize }
    };
    (0..8).map(&mut image).collect()
}

/// Three images of a product with these many classes; each shows one defect, and its channel is higher there.
pub fn types(classes: usize) -> Vec<Typed> {
    let mut random = Lcg(6);
    let mut image = |index: usize| {
        let class = (1 + index % (classes - 1)) as u8;
        let truth: Vec<u8> = speckle(&mut random).into_iter().map(|m| if m { class } else { 0 }).collect();
        let mut value = |channel: usize, true_class: u8| {
            let base = random.next() / 2;
            unit(base + if usize::from(true_class) == channel { random.next() / 3 } else { 0 })
        };
        let maps =
            (0..classes).flat_map(|c| truth.iter().map(|&t| value(c, t)).collect::<Vec<_>>()).collect();
        Typed { maps, truth }
    };
    (0..3).map(&mut image).collect()
}

/// Scores of 300 images with many ties, and whether they are defective.
pub fn images_of_a_product() -> (Vec<f32>, Vec<bool>) {
    let mut random = Lcg(7);
    let labels: Vec<bool> = (0..300).map(|_| random.next() < UNIT / 3).collect();
    let score = |&l: &bool| (random.next() / (UNIT / 40) + if l { 12 } else { 0 }) as f32 / 64.0;
    (labels.iter().map(score).collect(), labels)
}
