//! One more variant of `activation`, to be compared with those that dapo-wgpu has.

use dapo_wgpu::gpu::Define;
use dapo_wgpu::kernels::activation::{Activate, Activation};
use dapo_wgpu::kernels::extended::{Extended, Extra};
use dapo_wgpu::kernels::{Family, Plan, Unmet, boxed, linear_grid, param_bytes, shader};

const WIDE: Extra<Activate> = Extra {
    name: "wide",
    plan: |p, caps| {
        Unmet::multiple_of_4("the length", p.len)?;
        let function = Define::Text(p.activation.function());
        Ok(Plan {
            shader: shader!("activation_wide.wgsl", vec![("ACTIVATION", function)]),
            params: param_bytes(&[p.len as u32 / 4]),
            grid: linear_grid(p.len.div_ceil(4 * 256), caps),
        })
    },
};

fn case(len: usize, activation: Activation) -> Extended<Activate> {
    Extended { base: Activate { len, activation }, extra: WIDE }
}

/// Takes the place of the built-in family of the same name.
pub fn family() -> Family {
    Family {
        name: "activation",
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
