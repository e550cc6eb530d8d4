//! The family's cases: those that could go wrong, those worth timing, and the reader of their labels.

use super::shape::{Attention, TEST_RANGE};
use crate::kernels::family::{Family, boxed};
use crate::kernels::matmul::Factors;

/// Cases of the registry.
fn cases() -> Vec<Attention> {
    let case = Attention::new;
    let half = |p: Attention| Attention { factors: Factors::F16, range: TEST_RANGE, ..p };
    vec![
        case(1, 1, 1, 4),
        case(2, 7, 3, 8),
        // What is read past the end of one token is another image's, and its NaN.
        case(9, 1, 1, 16),
        // Rows that lanes share in parts, of several heads.
        Attention { lse: true, ..case(2, 13, 3, 16) },
        Attention { causal: true, lse: true, ..case(2, 13, 3, 16) },
        // With the seed of the tests, the NaN of an input is in the value of a key that some queries do not see.
        Attention { causal: true, ..case(1, 9, 1, 16) },
        case(1, 50, 2, 64),
        Attention { lse: true, ..case(2, 77, 1, 48) },
        Attention { causal: true, ..case(2, 77, 1, 64) },
        Attention { causal: true, lse: true, ..case(1, 33, 2, 36) },
        Attention { lse: true, ..case(1, 197, 1, 64) },
        case(1, 577, 1, 16),
        // For matrix units of float16: one token, a step that is not full, several steps and workgroups, with a mask and
        // without, and a head that no tile fits.
        half(case(9, 1, 1, 16)),
        half(case(2, 13, 3, 16)),
        half(Attention { causal: true, lse: true, ..case(2, 13, 3, 16) }),
        half(Attention { causal: true, lse: true, ..case(1, 9, 1, 16) }),
        half(case(1, 40, 2, 16)),
        half(Attention { causal: true, lse: true, ..case(1, 150, 2, 16) }),
        half(Attention { lse: true, ..case(2, 77, 1, 48) }),
        half(Attention { causal: true, ..case(1, 77, 2, 64) }),
        half(case(1, 33, 1, 36)),
    ]
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "attention",
        conformance: || boxed(cases()),
        bench: || {
            let mut cases = [(197, 12), (577, 16), (1370, 16)]
                .map(|(tokens, heads)| Attention::new(1, tokens, heads, 64))
                .to_vec();
            let half = Attention { factors: Factors::F16, range: TEST_RANGE, ..cases[2].clone() };
            cases.push(half);
            boxed(cases)
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let (images, tokens) = (text.size("images")?, text.size("tokens")?);
            let (heads, head_dim) = (text.size("heads")?, text.size("dim")?);
            let half = text.flag("f16-factors");
            Ok(Box::new(Attention {
                causal: text.flag("causal"),
                lse: text.flag("+lse"),
                factors: if half { Factors::F16 } else { Factors::F32 },
                range: if half { TEST_RANGE } else { None },
                ..Attention::new(images, tokens, heads, head_dim)
            }))
        },
    }
}
