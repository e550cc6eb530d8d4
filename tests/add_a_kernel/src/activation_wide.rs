//! One more variant of `activation`, to be compared with those that dapo-wgpu has.

use dapo_wgpu::gpu::Define;
use dapo_wgpu::kernels::activation::{Activate, Activation};
use dapo_wgpu::kernels::extended::{Extended, Extra};
use dapo_wgpu::kernels::registry::{Family, boxed};
use dapo_wgpu::kernels::{Launch, linear_grid, shader, words};

const WIDE: Extra<Activate> = Extra {
    name: "wide",
    usable: |p, _| match p.len.is_multiple_of(4) {
        true => Ok(()),
        false => Err("the length is not a multiple of 4".into()),
    },
    launch: |p, caps| Launch {
        variant: "wide",
        shader: shader!("activation_wide.wgsl", vec![("ACTIVATION", Define::Text(p.activation.function()))]),
        params: words(&[p.len as u32 / 4]),
        grid: linear_grid(p.len.div_ceil(4 * 256), caps),
    },
};

fn case(len: usize, activation: Activation) -> Extended<Activate> {
    Extended { base: Activate { len, activation }, extra: WIDE }
}

/// Takes the place of the built-in family of the same name.
pub fn family() -> Family {
    Family {
        name: "activation",
        about: "QuickGELU and GELU, with a wide variant",
        conformance: || {
            // One vec4, none at all for it, an idle end, more than one workgroup.
            let lengths = [4, 77, 252, 1370 * 4].into_iter();
            boxed(
                lengths.flat_map(|n| [Activation::QuickGelu, Activation::Gelu].map(|f| case(n, f))).collect(),
            )
        },
        bench: || boxed(vec![case(577 * 4096, Activation::QuickGelu)]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let names = [("quickgelu", Activation::QuickGelu), ("gelu", Activation::Gelu)];
            Ok(Box::new(case(text.size("n")?, text.one_of(&names)?)))
        },
    }
}
