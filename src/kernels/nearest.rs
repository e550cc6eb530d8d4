//! The nearest rows of a bank: exact search by dot products that are never stored.

use super::bounds::{TINY, dot, gamma};
use super::elements::element_defines;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{
    Cost, Defines, Element, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes,
    shader, simd_lanes,
};
use crate::gpu::{Capabilities, Define, DeviceClass};

/// For each query the `k` rows of a bank with the largest dot product, in order: products [queries, parts, k], and the
/// rows' places in the bank as whole numbers [queries, parts, k]. For rows of unit length these are the nearest by cosine.
///
/// Of equal products the row that comes first in the bank is first. A product that is NaN or −∞ is never listed. A place in
/// the list that no row takes has the product [`NONE`] and the place `bank`.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// Rows of the queries.
    pub queries: usize,
    /// Rows of the bank, at most [`MAX_BANK`].
    pub bank: usize,
    /// Elements of a row.
    pub width: usize,
    /// Length of a list, at most [`MAX_K`].
    pub k: usize,
    /// Consecutive parts of the bank that are searched apart, each with a list of its own: few queries alone do not
    /// fill a GPU.
    pub parts: usize,
    /// How the bank is stored: `f32` or `f16`. Queries are float32.
    pub element: Element,
}

/// Longest list: a list stays in registers.
pub const MAX_K: usize = 8;
/// Most rows of a bank: places are float32, which counts to 2²⁴.
pub const MAX_BANK: usize = 1 << 24;
/// The product of a place that no row takes.
pub const NONE: f32 = -f32::MAX;

/// Queries and rows of the bank of a workgroup of `tile`, a side of an invocation's part, and the depth of a stage.
const TILE: usize = 64;
const PART: usize = 8;
const DEPTH: usize = 16;
/// Workgroups that a compute unit of a GPU needs to hide the latency of loads.
const BLOCKS_A_CORE: usize = 2;
/// Compute units of a GPU whose driver does not say how many it has.
const USUAL_CORES: u32 = 32;

impl Nearest {
    /// A search with as many parts as keep this device busy.
    pub fn new(
        caps: &Capabilities,
        (queries, bank, width): (usize, usize, usize),
        k: usize,
        element: Element,
    ) -> Self {
        let parts = match caps.class {
            DeviceClass::Gpu => {
                let wanted = BLOCKS_A_CORE * caps.cores.unwrap_or(USUAL_CORES) as usize;
                wanted.div_ceil(queries.div_ceil(TILE)).clamp(1, bank.div_ceil(4 * TILE).min(64))
            }
            DeviceClass::SimdCpu => 1,
        };
        Self { queries, bank, width, k, parts, element }
    }

    /// Rows of a part of the bank; the last parts may have fewer, or none.
    fn part(&self) -> usize {
        self.bank.div_ceil(self.parts)
    }

    /// The plan of a shader whose workgroups own this many queries and one part.
    fn plan(&self, shader: crate::gpu::ShaderSpec, [x, y, _]: [u32; 3], parts: usize) -> Plan {
        let sizes = [self.queries, self.bank, self.width, self.part(), self.parts];
        Plan { shader, params: param_bytes(&sizes.map(|n| n as u32)), grid: [x, y, parts as u32] }
    }

    fn defines<const N: usize>(&self, vec4: bool, sizes: [(&'static str, usize); N]) -> Defines {
        let mut defines = element_defines(if vec4 { 4 } else { 1 });
        defines.extend([
            ("B_F16", Define::Flag(self.element == Element::F16)),
            ("B_KN", Define::Flag(false)),
            ("K", Define::Number(self.k as u32)),
        ]);
        defines.extend(sizes.map(|(name, size)| (name, Define::Number(size as u32))));
        defines
    }

    fn tile(&self, caps: &Capabilities) -> Variant {
        let invocations = (TILE / PART).pow(2);
        let memory = 16 * 2 * TILE * (DEPTH / 4 + 1);
        let limits = &caps.limits;
        let fits = || {
            Unmet::multiple_of_4("the width", self.width)?;
            Unmet::WorkgroupMemory { needed: memory as u32, limit: limits.workgroup_memory }
                .unless(memory as u32 <= limits.workgroup_memory)
        };
        Variant::when("tile", fits(), || {
            let loads = TILE * DEPTH / 4 / invocations;
            let defines = self.defines(
                true,
                [
                    ("ROWS", TILE),
                    ("COLUMNS", TILE),
                    ("PART", PART),
                    ("DEPTH", DEPTH),
                    ("A_LOADS", loads),
                    ("B_LOADS", loads),
                ],
            );
            let grid = linear_grid(self.queries.div_ceil(TILE), caps);
            self.plan(shader!("nearest_tile.wgsl", defines), grid, self.parts)
        })
    }

    fn subgroup(&self, caps: &Capabilities) -> Variant {
        let met = Unmet::multiple_of_4("the width", self.width).and_then(|()| simd_lanes(caps));
        let plan = met.map(|lanes| {
            // As in matmul: sixteen lanes double the products of a row, so half the rows keep the size. Longer lists
            // leave room for fewer.
            let most = 32 / lanes / self.k.next_power_of_two().min(4);
            let rows = self.queries.div_ceil(lanes).clamp(1, most.max(1));
            let steps = if self.width.is_multiple_of(8) { 2 } else { 1 };
            let sizes = [("LANES", lanes), ("ROWS", rows), ("COLS", 4), ("STEPS", steps)];
            let grid = linear_grid(self.queries.div_ceil(rows * lanes), caps);
            self.plan(shader!("nearest_subgroup.wgsl", self.defines(true, sizes)), grid, self.parts)
        });
        Variant::new("subgroup", plan)
    }

    fn scalar(&self, caps: &Capabilities) -> Variant {
        let grid = linear_grid((self.queries * self.parts).div_ceil(64), caps);
        Variant::always("scalar", self.plan(shader!("nearest.wgsl", self.defines(false, [])), grid, 1))
    }

    /// Calls `f(start of the list, list)` for each query and part: the list in float64, and which rows may come out in its
    /// places instead.
    fn for_each(&self, inputs: &[Vec<f64>], mut f: impl FnMut(usize, Search)) {
        for (query, x) in inputs[0].chunks(self.width).enumerate() {
            for part in 0..self.parts {
                let rows = part * self.part()..((part + 1) * self.part()).min(self.bank);
                let products = rows.map(|row| {
                    let y = &inputs[1][row * self.width..(row + 1) * self.width];
                    let (product, magnitude) = dot(x.iter().copied(), y.iter().copied());
                    (row, product, magnitude)
                });
                let products: Vec<(usize, f64, f64)> = products.collect();
                f((query * self.parts + part) * self.k, Search::new(products, self));
            }
        }
    }
}

/// One query against one part of the bank in float64.
struct Search {
    products: Vec<(usize, f64, f64)>,
    /// Largest error of a finite product.
    error: f64,
    /// (place in the bank, product) of the nearest.
    list: Vec<(usize, f64)>,
}

impl Search {
    fn new(products: Vec<(usize, f64, f64)>, problem: &Nearest) -> Self {
        let lowest = f64::from(NONE);
        let mut best: Vec<(usize, f64)> =
            products.iter().filter(|p| p.1 > lowest).map(|p| (p.0, p.1)).collect();
        // A stable sort: the first of equal products stays first.
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        best.resize(problem.k.max(best.len()), (problem.bank, lowest));
        best.truncate(problem.k);
        // Each of the products and partial sums may be flushed, too.
        let flushes = 2.0 * problem.width as f64 * TINY;
        let error = |p: &(usize, f64, f64)| gamma(problem.width) * p.2 + flushes;
        let finite = products.iter().filter(|p| p.2.is_finite());
        let error = finite.map(error).fold(0.0, f64::max);
        Self { error, list: best, products }
    }

    /// How far the place in the bank may be off: to the farthest row whose product cannot be told from this one.
    fn place_bound(&self, (place, product): (usize, f64)) -> f64 {
        let near =
            self.products.iter().filter(|p| p.1 == product || (p.1 - product).abs() <= 2.0 * self.error);
        near.map(|p| p.0.abs_diff(place) as f64).fold(0.0, f64::max)
    }
}

impl Problem for Nearest {
    fn kernel(&self) -> &'static str {
        "nearest"
    }

    fn label(&self) -> String {
        let Self { queries, bank, width, k, parts, element } = self;
        format!("nearest {} queries={queries} bank={bank} width={width} k={k} parts={parts}", element.name())
    }

    fn inputs(&self) -> Vec<Operand> {
        let bank = Operand { name: "bank", element: self.element, len: self.bank * self.width };
        vec![Operand::f32("queries", self.queries * self.width), bank]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.queries * self.parts * self.k; 2]
    }

    fn cost(&self) -> Cost {
        let (n, b, d) = (self.queries as f64, self.bank as f64, self.width as f64);
        let lists = (self.queries * self.parts * self.k) as f64;
        Cost {
            flops: 2.0 * n * b * d,
            bytes: 4.0 * n * d + self.element.bytes() as f64 * b * d + 8.0 * lists,
        }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let (tile, subgroup, scalar) = (self.tile(caps), self.subgroup(caps), self.scalar(caps));
        match caps.class {
            DeviceClass::Gpu => vec![tile, subgroup, scalar],
            DeviceClass::SimdCpu => vec![subgroup, tile, scalar],
        }
    }
}

impl Verifiable for Nearest {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut outputs: Vec<Vec<f64>> = self.outputs().iter().map(|&n| vec![0.0; n]).collect();
        self.for_each(inputs, |at, search| {
            for (rank, (place, product)) in search.list.iter().enumerate() {
                outputs[0][at + rank] = *product;
                outputs[1][at + rank] = *place as f64;
            }
        });
        outputs
    }

    /// Every product is off by at most e = γ·Σ|a||b| of the largest; then the r-th largest is, too. The row in place r has a
    /// computed product within e of its own and within e of the r-th largest, so their exact products differ by at most 2e:
    /// which rows those are bounds how far the place in the bank may be off.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut bounds: Vec<Vec<f64>> = self.outputs().iter().map(|&n| vec![0.0; n]).collect();
        self.for_each(inputs, |at, search| {
            for (rank, entry) in search.list.iter().enumerate() {
                bounds[0][at + rank] = search.error;
                bounds[1][at + rank] = search.place_bound(*entry);
            }
        });
        bounds
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case =
        |queries, bank, width, k, parts| Nearest { queries, bank, width, k, parts, element: Element::F32 };
    let half = |case: Nearest| Nearest { element: Element::F16, ..case };
    let mut cases = boxed(vec![
        case(1, 1, 1, 1, 1),
        case(7, 5, 3, 2, 1),
        // More places than rows, in parts of which some are empty.
        case(5, 7, 8, 3, 5),
        case(66, 130, 36, 1, 1),
        // More than one block of queries and of rows, parts that end within a block.
        case(70, 200, 20, 2, 3),
        case(130, 67, 48, 4, 1),
        case(9, 300, 64, 8, 2),
        half(case(66, 131, 36, 1, 2)),
        half(case(3, 50, 8, 3, 1)),
        // With pairs of halves that straddle rows.
        half(case(4, 9, 5, 1, 1)),
    ]);
    cases.push(Stress::Zeros("bank").on(case(5, 70, 8, 3, 1)));
    cases.push(Stress::Fold(2).on(case(200, 20, 8, 1, 2)));
    cases.push(Stress::Fold(2).on(case(200, 20, 5, 1, 2)));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    // The patches of ViT-L/14 at 518 px against a full bank, and those of the embedded model against sixteen photos.
    let bench = || {
        let elements = [Element::F32, Element::F16].into_iter();
        let large = elements.clone().map(|element| Nearest {
            queries: 1369,
            bank: 8192,
            width: 1024,
            k: 1,
            parts: 1,
            element,
        });
        let small =
            elements.map(|element| Nearest { queries: 256, bank: 4096, width: 128, k: 1, parts: 1, element });
        boxed(large.chain(small).collect())
    };
    Family {
        name: "nearest",
        conformance: cases,
        bench,
        parse: |text| {
            let problem = Nearest {
                element: text.one_of(&[("f32", Element::F32), ("f16", Element::F16)])?,
                queries: text.size("queries")?,
                bank: text.size("bank")?,
                width: text.size("width")?,
                k: text.size("k")?,
                parts: text.size("parts")?,
            };
            let Nearest { bank, k, parts, .. } = problem;
            if k > MAX_K {
                return Err(format!("'k={k}': at most {MAX_K}"));
            }
            if bank > MAX_BANK || parts > bank {
                return Err(format!(
                    "'bank={bank}': at most {MAX_BANK} rows, in no more parts than there are"
                ));
            }
            Ok(Box::new(problem))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Buffer, Gpu, GpuOptions};
    use crate::kernels::{run_variant, variants};

    /// Runs every variant of a search of f32 rows of width 4.
    fn search(queries: &[[f32; 4]], bank: &[[f32; 4]], k: usize, parts: usize) -> Vec<(Vec<f32>, Vec<f32>)> {
        let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
        let problem =
            Nearest { queries: queries.len(), bank: bank.len(), width: 4, k, parts, element: Element::F32 };
        let upload = |rows: &[[f32; 4]]| gpu.upload(bytemuck::cast_slice(rows), "rows").expect("a buffer");
        let (a, b) = (upload(queries), upload(bank));
        let usable = variants(&gpu, &problem).into_iter().filter(Variant::usable);
        let run = |variant: Variant| {
            let bytes = 4 * problem.outputs()[0] as u64;
            let out = [0, 1].map(|_| gpu.alloc(bytes, "list").expect("a buffer"));
            let buffers: [(&Buffer, u64); 4] = [(&a, 0), (&b, 0), (&out[0], 0), (&out[1], 0)];
            run_variant(&gpu, &problem, &buffers, Some(variant.name)).expect("a run");
            let [products, places] =
                out.map(|buffer| bytemuck::pod_collect_to_vec(&gpu.read(&buffer).expect("a list")));
            (products, places)
        };
        usable.map(run).collect()
    }

    /// What the words in `Nearest` promise, on rows that can be read.
    #[test]
    fn the_first_of_equal_products_comes_first() {
        let x = [1.0, 0.0, 0.0, 0.0];
        let row = |product: f32| [product, 7.0, -7.0, 0.0];
        let bank = [2.0, 5.0, 3.0, 5.0, 5.0, 3.0].map(row);
        for (products, places) in search(&[x], &bank, 5, 1) {
            assert_eq!(products, [5.0, 5.0, 5.0, 3.0, 3.0]);
            assert_eq!(places, [1.0, 3.0, 4.0, 2.0, 5.0]);
        }
        // Enough rows that every lane and block has one.
        let equal = vec![row(1.0); 150];
        for (products, places) in search(&[x, x], &equal, 3, 1) {
            assert_eq!(products, [1.0; 6]);
            assert_eq!(places, [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]);
        }
    }

    #[test]
    fn each_part_has_its_own_list_and_empty_places_are_marked() {
        let x = [1.0, 0.0, 0.0, 0.0];
        let mut bank = [4.0, f32::NAN, 6.0, 1.0, f32::NEG_INFINITY].map(|v| [v, 0.0, 0.0, 0.0]);
        bank[1][1] = f32::NAN;
        for (products, places) in search(&[x], &bank, 2, 3) {
            assert_eq!(products, [4.0, NONE, 6.0, 1.0, NONE, NONE]);
            assert_eq!(places, [0.0, 5.0, 2.0, 3.0, 5.0, 5.0]);
        }
    }

    #[test]
    fn a_gpu_gets_as_many_parts_as_keep_it_busy() {
        use crate::gpu::capabilities::tests::minimal;
        let parts = |class, cores, queries, bank| {
            let caps = Capabilities { cores, ..minimal(class) };
            Nearest::new(&caps, (queries, bank, 64), 1, Element::F32).parts
        };
        assert_eq!(parts(DeviceClass::SimdCpu, Some(64), 64, 10_000), 1);
        assert_eq!(parts(DeviceClass::Gpu, Some(100), 1369, 10_000), 10, "22 blocks of queries, 200 wanted");
        assert_eq!(parts(DeviceClass::Gpu, None, 1369, 300), 2, "a part is worth its start");
        assert_eq!(parts(DeviceClass::Gpu, None, 100_000, 10_000), 1);
    }
}
