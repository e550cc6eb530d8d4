//! Sums over rows: gradients of biases, means, sums over a batch, products of rows.

use super::bounds::{TINY, flushed, gamma};
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{Cost, Defines, Operand, Plan, Problem, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define, DeviceClass};

/// `y[g, c]` = scale·Σᵣ `x[offset + g·group_stride + r·row_stride + c]`, and with `product` each term
/// times that of a second input z at the same place. y is [groups, columns]. x ends with the last
/// element that is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    /// Number of groups, each with sums of its own.
    pub groups: usize,
    /// Terms of a sum.
    pub rows: usize,
    /// Sums of a group, of elements side by side.
    pub columns: usize,
    /// Place of the first element.
    pub offset: usize,
    /// Elements from one row to the next; 1 with one column sums a row.
    pub row_stride: usize,
    /// Elements from one group to the next.
    pub group_stride: usize,
    /// Each sum is multiplied by it.
    pub scale: f32,
    /// Sum products of x and z.
    pub product: bool,
}

/// Invocations of a workgroup with one sum each.
const COLUMN: usize = 64;
/// Invocations of a workgroup that share sums: what the weakest device allows.
const WORKGROUP: usize = 256;
/// Sums of such a workgroup at most: 64 bytes side by side.
const TILE: usize = 16;
/// Fewer sums than this leave a GPU idle when each is one invocation's.
const FEW: usize = 1 << 15;

impl Sums {
    /// The sums of the columns of a dense matrix [rows, columns]: one group, scale 1.
    pub fn dense(rows: usize, columns: usize) -> Self {
        Self {
            groups: 1,
            rows,
            columns,
            offset: 0,
            row_stride: columns,
            group_stride: rows * columns,
            scale: 1.0,
            product: false,
        }
    }

    /// Length of x: up to the last element that is used.
    fn len(&self) -> usize {
        let last_row = (self.groups - 1) * self.group_stride + (self.rows - 1) * self.row_stride;
        self.offset + last_row + self.columns
    }

    fn count(&self) -> usize {
        self.groups * self.columns
    }

    /// Sums that a workgroup shares.
    fn tile(&self) -> usize {
        self.columns.next_power_of_two().min(TILE)
    }

    /// For every sum the total of `term`, a function of a place in the inputs.
    fn totals(&self, term: impl Fn(usize) -> f64) -> Vec<f64> {
        let total = |i: usize| {
            let first = self.offset + i / self.columns * self.group_stride + i % self.columns;
            (0..self.rows).map(|r| term(first + r * self.row_stride)).sum()
        };
        (0..self.count()).map(total).collect()
    }
}

impl Problem for Sums {
    fn kernel(&self) -> &'static str {
        "sums"
    }

    fn label(&self) -> String {
        let Self { groups, rows, columns, offset, row_stride, group_stride, scale, product } = self;
        let product = if *product { " +product" } else { "" };
        format!(
            "sums f32 groups={groups} rows={rows} columns={columns} offset={offset} \
             row_stride={row_stride} group_stride={group_stride} scale={scale}{product}"
        )
    }

    fn inputs(&self) -> Vec<Operand> {
        let names: &[_] = if self.product { &["x", "z"] } else { &["x"] };
        names.iter().map(|name| Operand::f32(name, self.len())).collect()
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.count()]
    }

    fn cost(&self) -> Cost {
        let inputs = if self.product { 2.0 } else { 1.0 };
        let (terms, sums) = ((self.count() * self.rows) as f64, self.count() as f64);
        Cost { flops: inputs * terms + sums, bytes: 4.0 * (inputs * terms + sums) }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = |own: Defines, groups: usize, column: bool| {
            let mut defines = vec![("PRODUCT", Define::Flag(self.product)), ("COLUMN", Define::Flag(column))];
            defines.extend(own);
            let sizes =
                [self.groups, self.rows, self.columns, self.offset, self.row_stride, self.group_stride];
            let mut params = param_bytes(&sizes.map(|v| v as u32));
            params.extend(param_bytes(&[self.scale.to_bits()]));
            Plan { shader: shader!("sums.wgsl", defines), params, grid: linear_grid(groups, caps) }
        };
        let number = |name, value: usize| (name, Define::Number(value as u32));
        let column = plan(vec![number("WG", COLUMN)], self.count().div_ceil(COLUMN), true);
        let tile = self.tile();
        let defines = vec![number("WG", WORKGROUP), number("TILE", tile)];
        let workgroup = plan(defines, self.groups * self.columns.div_ceil(tile), false);
        let (column, workgroup) =
            (Variant::always("column", column), Variant::always("workgroup", workgroup));
        // One column: neighbours' terms are a group apart, and only a workgroup reads side by side.
        let shared = self.rows >= 32 && (self.count() < FEW || self.columns == 1);
        match caps.class {
            DeviceClass::Gpu if shared => vec![workgroup, column],
            _ => vec![column, workgroup],
        }
    }
}

impl Verifiable for Sums {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let sums = self.totals(|at| inputs[0][at] * if self.product { inputs[1][at] } else { 1.0 });
        vec![sums.into_iter().map(|sum| f64::from(self.scale) * sum).collect()]
    }

    /// A sum, or dot product, of n terms in any order is off by γₙ·Σ|terms|; the scale is one more
    /// rounding. Operands, products and partial sums may be flushed, and so may the result.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let scale = f64::from(self.scale).abs();
        let relative = scale * gamma(self.rows + 1) + flushed(scale);
        let bound = self.totals(|at| {
            let x = inputs[0][at].abs();
            let z = if self.product { inputs[1][at].abs() } else { 1.0 };
            relative * x * z + scale * (flushed(x) * z + flushed(z) * x + 2.0 * TINY)
        });
        vec![bound.into_iter().map(|bound| bound + TINY).collect()]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let scaled = |scale, case| Sums { scale, ..case };
    let product = |case| Sums { product: true, ..case };
    // Rows of a matrix [groups, rows], each summed.
    let each_row = |groups, rows| Sums { groups, row_stride: 1, group_stride: rows, ..Sums::dense(rows, 1) };
    // Of a batch [groups, 9, columns] the tokens 2, 3, …, and of each the first columns.
    let tokens = |groups, rows, columns| Sums {
        groups,
        offset: 2 * 21,
        row_stride: 21,
        group_stride: 9 * 21,
        ..Sums::dense(rows, columns)
    };
    // The same place of every image, summed.
    let batch = Sums { row_stride: 11 * 7, ..Sums::dense(5, 3 * 7) };
    let all = vec![
        Sums::dense(1, 1),
        Sums::dense(7, 50),
        Sums::dense(300, 5),
        scaled(1.0 / 77.0, Sums::dense(77, 37)),
        each_row(50, 77),
        product(each_row(7, 600)),
        product(Sums::dense(50, 16)),
        tokens(3, 4, 21),
        scaled(-0.5, tokens(4, 7, 3)),
        product(tokens(2, 5, 17)),
        batch,
    ];
    let mut cases = boxed(all);
    // Enough sums, one an invocation, and enough groups.
    cases.push(Stress::Fold(3).on(Sums::dense(3, 300)));
    cases.push(Stress::Fold(3).on(tokens(7, 2, 9)));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "sums",
        conformance: cases,
        bench: || {
            let row_products = Sums {
                groups: 1374,
                row_stride: 1,
                group_stride: 1024,
                product: true,
                ..Sums::dense(1024, 1)
            };
            boxed(vec![Sums::dense(10_000, 768), Sums::dense(8 * 197, 768), row_products])
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(Sums {
                groups: text.size("groups")?,
                rows: text.size("rows")?,
                columns: text.size("columns")?,
                offset: text.integer("offset")?,
                row_stride: text.integer("row_stride")?,
                group_stride: text.integer("group_stride")?,
                scale: text.float("scale")?,
                product: text.flag("+product"),
            }))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_ends_with_the_last_element_that_is_used() {
        let case = Sums { groups: 3, offset: 10, row_stride: 5, group_stride: 100, ..Sums::dense(4, 2) };
        assert_eq!(case.inputs()[0].len, 10 + 2 * 100 + 3 * 5 + 2);
        assert_eq!(Sums::dense(7, 50).inputs()[0].len, 350);
    }
}
