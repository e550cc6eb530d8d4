//! The family's cases: those that could go wrong, those worth timing, and the reader of their labels.

use super::shape::{Factors, Matmul, MatrixLayout, Order, attention_scores, attention_values};
use crate::kernels::activation::Activation;
use crate::kernels::case::CaseText;
use crate::kernels::family::{Family, boxed};
use crate::kernels::{Element, Verifiable};

/// No test input is larger: 64 times a normal deviate is below 512, and the deviation of b is 1/√k.
fn test_range(k: usize) -> Option<(f32, f32)> {
    Some((512.0, 512.0 / (k as f32).sqrt()))
}

/// Cases of the registry: odd and degenerate shapes, every epilogue, both orders, batches, f16.
fn cases() -> Vec<Matmul> {
    let mut cases = Vec::new();
    for (m, n, k) in [
        (1, 1, 1),
        (1, 7, 4),
        (7, 50, 77),
        (50, 64, 48),
        (77, 96, 64),
        (33, 130, 12),
        (197, 36, 128),
        (9, 577, 20),
        (65, 260, 588),
        // More rows of blocks than one band of a swizzled grid has.
        (299, 36, 12),
    ] {
        cases.push(Matmul::linear(m, n, k));
        cases.push(Matmul { b_element: Element::F16, bias: true, ..Matmul::linear(m, n, k) });
    }
    for activation in [None, Some(Activation::QuickGelu), Some(Activation::Gelu)] {
        for residual in [false, true] {
            cases.push(Matmul { bias: true, activation, residual, ..Matmul::linear(50, 77, 64) });
        }
    }
    cases.push(Matmul { scale: 0.125, residual: true, ..Matmul::linear(7, 50, 1370) });
    cases.push(Matmul { scale: 0.125, bias: true, residual: true, ..Matmul::linear(9, 50, 20) });
    cases.push(Matmul { order: Order::Kn, b: MatrixLayout::dense(68), ..Matmul::linear(50, 68, 52) });
    cases.push(Matmul {
        order: Order::Kn,
        b: MatrixLayout::dense(7),
        b_element: Element::F16,
        ..Matmul::linear(5, 7, 77)
    });
    // For matrix units of float16.
    let activation = Some(Activation::QuickGelu);
    cases.push(Matmul { bias: true, activation, scale: 0.125, ..Matmul::linear(70, 68, 164) });
    cases.push(Matmul { b_element: Element::F16, bias: true, residual: true, ..Matmul::linear(70, 68, 164) });
    cases.push(Matmul { order: Order::Kn, b: MatrixLayout::dense(68), ..Matmul::linear(70, 68, 164) });
    cases.push(Matmul::linear(70, 66, 260));
    let half = Matmul { factors: Factors::F16, ..Matmul::linear(70, 68, 52) };
    cases.push(Matmul { bias: true, residual: true, ..half.clone() });
    cases.push(Matmul { order: Order::Kn, b: MatrixLayout::dense(68), ..half });
    // Sums that are cut into slices: two, four, and with f16; of weights [n, k] and [k, n].
    cases.push(Matmul { bias: true, activation, residual: true, scale: 0.5, ..Matmul::linear(7, 68, 1024) });
    cases.push(Matmul { b_element: Element::F16, bias: true, ..Matmul::linear(9, 132, 2048) });
    cases.push(Matmul { order: Order::Kn, b: MatrixLayout::dense(36), ..Matmul::linear(70, 36, 1056) });
    cases.iter_mut().for_each(|case| case.range = test_range(case.k));
    cases.push(attention_scores(2, 3, 13, 8));
    cases.push(attention_values(2, 3, 12, 8));
    // What is read past a short k belongs to the next row or image, with its NaN.
    cases.push(attention_values(5, 1, 4, 8));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "matmul",
        conformance: || boxed(cases()),
        bench: || boxed(bench_cases()),
        parse: |text| parse(text).map(|case| Box::new(case) as Box<dyn Verifiable>),
    }
}

/// The products of CLIP's transformers, with the epilogues they have there.
fn bench_cases() -> Vec<Matmul> {
    let gelu = Some(Activation::QuickGelu);
    vec![
        Matmul::linear(197, 768, 768),
        Matmul { bias: true, activation: gelu, ..Matmul::linear(197, 3072, 768) },
        Matmul::linear(577, 1024, 1024),
        Matmul { bias: true, ..Matmul::linear(577, 3072, 1024) },
        Matmul { bias: true, activation: gelu, ..Matmul::linear(577, 4096, 1024) },
        Matmul { bias: true, residual: true, ..Matmul::linear(577, 1024, 4096) },
        Matmul::linear(1370, 4096, 1024),
        Matmul { bias: true, ..Matmul::linear(77, 512, 512) },
        Matmul { factors: Factors::F16, ..Matmul::linear(1370, 4096, 1024) },
        // One row of blocks more than is full, and sizes on which other engines were found wrong.
        Matmul::linear(257, 1152, 384),
        Matmul::linear(4096, 208, 104),
        Matmul::linear(77, 440, 440),
    ]
    .into_iter()
    .map(|case| Matmul { range: test_range(case.k), ..case })
    .collect()
}

fn parse(text: &mut CaseText) -> Result<Matmul, String> {
    let b_element = text.one_of(&[("f32", Element::F32), ("f16", Element::F16)])?;
    for (flag, make) in [
        ("attention-scores", attention_scores as fn(usize, usize, usize, usize) -> Matmul),
        ("attention-values", attention_values),
    ] {
        if text.flag(flag) {
            let (images, heads) = (text.size("images")?, text.size("heads")?);
            return Ok(make(images, heads, text.size("tokens")?, text.size("dim")?));
        }
    }
    let (m, n, k) = (text.size("m")?, text.size("n")?, text.size("k")?);
    let (order, b) = match text.flag("kn") {
        true => (Order::Kn, MatrixLayout::dense(n)),
        false => (Order::Nk, MatrixLayout::dense(k)),
    };
    let activation = match (text.flag("+quickgelu"), text.flag("+gelu")) {
        (true, _) => Some(Activation::QuickGelu),
        (_, true) => Some(Activation::Gelu),
        _ => None,
    };
    Ok(Matmul {
        range: test_range(k),
        factors: if text.flag("f16-factors") { Factors::F16 } else { Factors::F32 },
        order,
        b,
        b_element,
        activation,
        scale: if text.has("scale") { text.float("scale")? } else { 1.0 },
        bias: text.flag("+bias"),
        residual: text.flag("+residual"),
        ..Matmul::linear(m, n, k)
    })
}
