//! Reads an adapter's capabilities, and the environment variables that switch them off.
//!
//! Every optional path can be switched off by an environment variable, so that a wrong or slow
//! result on somebody's driver can be traced to one path in minutes.

use std::borrow::Cow;

use super::capabilities::{
    Capabilities, CooperativeMatrix, DeviceClass, DeviceLimits, MAX_PARAMS, OptionalPath, PathState,
    SubgroupRange,
};
use super::cores;
use super::summary::AdapterSummary;

/// Set to ask for WebGPU's default limits instead of the adapter's, as the weakest devices have.
pub const DEFAULT_LIMITS_SWITCH: &str = "DAPO_DEFAULT_LIMITS";
const NO_F16: &str = "DAPO_NO_F16";
const NO_SUBGROUPS: &str = "DAPO_NO_SUBGROUPS";
const NO_TIMESTAMPS: &str = "DAPO_NO_TIMESTAMPS";
const NO_IMMEDIATES: &str = "DAPO_NO_IMMEDIATES";
const NO_TEXELS: &str = "DAPO_NO_TEXELS";
const NO_COOPERATIVE_MATRIX: &str = "DAPO_NO_COOPERATIVE_MATRIX";

/// True when the environment variable is set to something other than `0` or nothing.
pub(super) fn switched(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|v| !v.is_empty() && v != "0")
}

/// Names of variants, separated by commas, that are preferred wherever they can run: to measure a whole model with them.
const VARIANTS: &str = "DAPO_VARIANTS";

/// The names that the environment prefers, best first.
pub(super) fn favoured_variants() -> Vec<String> {
    let names = std::env::var(VARIANTS).unwrap_or_default();
    names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

impl Capabilities {
    /// Reads the adapter, and the switches in the environment.
    pub(super) fn detect(adapter: &wgpu::Adapter, summary: &AdapterSummary) -> Self {
        let features = adapter.features();
        let info = adapter.get_info();
        let limits = requested_limits(adapter);
        let mut paths = Vec::new();
        let mut path = |name, switch, available: bool, needed: bool, detail: String| {
            let state = match (available, switched(switch)) {
                (false, _) => PathState::Unavailable,
                (true, true) => PathState::SwitchedOff,
                (true, false) if needed => PathState::Used,
                (true, false) => PathState::Idle,
            };
            let detail = match state {
                PathState::Used => detail,
                PathState::Idle => format!("{detail}; no kernel needs it yet"),
                PathState::Unavailable => "not offered by this device and driver".to_owned(),
                PathState::SwitchedOff => format!("{detail}; switched off by {switch}"),
            };
            paths.push(OptionalPath {
                name: Cow::Borrowed(name),
                state,
                detail,
                switch: Cow::Borrowed(switch),
            });
            matches!(state, PathState::Used | PathState::Idle)
        };

        let f16 = path(
            "f16 arithmetic",
            NO_F16,
            features.contains(wgpu::Features::SHADER_F16),
            cooperative_shapes(adapter, None).iter().any(CooperativeMatrix::f16_factors),
            "shader-f16".to_owned(),
        );
        let range = SubgroupRange { min: info.subgroup_min_size, max: info.subgroup_max_size };
        let subgroups = path(
            "subgroups",
            NO_SUBGROUPS,
            offers_subgroups(features) && range.min > 0 && range.min <= range.max,
            true,
            format!("{} to {} invocations", range.min, range.max),
        );
        let timestamps = path(
            "timestamps",
            NO_TIMESTAMPS,
            features.contains(wgpu::Features::TIMESTAMP_QUERY),
            true,
            "at the ends of compute passes".to_owned(),
        );
        let immediate_bytes = adapter.limits().max_immediate_size;
        let immediates = path(
            "immediates",
            NO_IMMEDIATES,
            features.contains(wgpu::Features::IMMEDIATES) && immediate_bytes >= MAX_PARAMS as u32,
            true,
            format!("{immediate_bytes} bytes; else a uniform buffer, written once a submit"),
        );
        let texel_usage = adapter.get_texture_format_features(wgpu::TextureFormat::Rgba32Float);
        let software = summary.software;
        let texels = path(
            "texels",
            NO_TEXELS,
            texel_usage.allowed_usages.contains(wgpu::TextureUsages::STORAGE_BINDING)
                && texel_usage.flags.contains(wgpu::TextureFormatFeatureFlags::STORAGE_READ_ONLY),
            software,
            format!("weights in grids of up to {0}×{0}", limits.max_texture_dimension_2d),
        );
        // wgpu reports the range of sizes that Metal allows. The GPUs among them that have matrices,
        // Apple's, all run subgroups of 32.
        let metal = info.backend == wgpu::Backend::Metal;
        let lanes = subgroups.then_some(range).and_then(|r| if metal { Some(32) } else { r.fixed() });
        let shapes = cooperative_shapes(adapter, lanes);
        let cooperative = path(
            "cooperative matrix",
            NO_COOPERATIVE_MATRIX,
            features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) && !shapes.is_empty(),
            shapes.iter().any(|shape| shape.f32() || (f16 && shape.f16_factors())),
            shapes
                .iter()
                .map(|s| format!("{0}x{0} {1}→{2}", s.size, s.factors, s.accumulator))
                .collect::<Vec<_>>()
                .join(", "),
        );

        Self {
            class: if summary.software { DeviceClass::SimdCpu } else { DeviceClass::Gpu },
            f16,
            subgroups: subgroups.then_some(range),
            timestamps,
            immediates: if immediates { immediate_bytes } else { 0 },
            cooperative_matrix: if cooperative { shapes } else { Vec::new() },
            storage_texture_size: if texels { limits.max_texture_dimension_2d } else { 0 },
            cores: cores::count(adapter, summary.software),
            limits: DeviceLimits {
                storage_binding: limits.max_storage_buffer_binding_size,
                buffer: limits.max_buffer_size,
                workgroup_memory: limits.max_compute_workgroup_storage_size,
                invocations: limits.max_compute_invocations_per_workgroup,
                workgroups: limits.max_compute_workgroups_per_dimension,
                storage_buffers: limits.max_storage_buffers_per_shader_stage,
            },
            paths,
        }
    }

    /// Does without cooperative matrices, for this reason.
    pub(super) fn withdraw_cooperative_matrix(&mut self, reason: &str) {
        self.cooperative_matrix.clear();
        for path in self.paths.iter_mut().filter(|path| path.switch == NO_COOPERATIVE_MATRIX) {
            path.state = PathState::Unavailable;
            path.detail = format!("listed, but the driver opens no device with it: {reason}");
        }
    }

    /// The wgpu features that these capabilities stand on.
    pub(super) fn features(&self) -> wgpu::Features {
        let mut features = wgpu::Features::empty();
        features.set(wgpu::Features::SHADER_F16, self.f16);
        features.set(wgpu::Features::SUBGROUP, self.subgroups.is_some());
        features.set(wgpu::Features::TIMESTAMP_QUERY, self.timestamps);
        features.set(wgpu::Features::IMMEDIATES, self.immediates > 0);
        let cooperative = !self.cooperative_matrix.is_empty();
        features.set(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX, cooperative);
        features
    }

    /// Consent to wgpu's experimental features, given only where one is in use.
    pub(super) fn experimental(&self) -> wgpu::ExperimentalFeatures {
        if self.cooperative_matrix.is_empty() {
            return wgpu::ExperimentalFeatures::disabled();
        }
        // SAFETY: wgpu warns that its cooperative matrices may have bugs that are undefined behaviour.
        // Only variants that passed a trial on this device use them, and the switch keeps them out.
        unsafe { wgpu::ExperimentalFeatures::enabled() }
    }
}

/// Whether devices of the adapter have subgroups.
fn offers_subgroups(features: wgpu::Features) -> bool {
    #[cfg(target_arch = "wasm32")]
    if super::browser::request_subgroups() {
        return true;
    }
    features.contains(wgpu::Features::SUBGROUP)
}

/// The adapter's own limits, or WebGPU's defaults where [`DEFAULT_LIMITS_SWITCH`] asks for them.
pub(super) fn requested_limits(adapter: &wgpu::Adapter) -> wgpu::Limits {
    let own = adapter.limits();
    if !switched(DEFAULT_LIMITS_SWITCH) {
        return own;
    }
    // Immediates have a switch of their own; the defaults would silently turn them off too.
    wgpu::Limits { max_immediate_size: own.max_immediate_size, ..wgpu::Limits::default() }
}

fn cooperative_shapes(adapter: &wgpu::Adapter, lanes: Option<u32>) -> Vec<CooperativeMatrix> {
    fn name(scalar: wgpu::CooperativeScalarType) -> Option<&'static str> {
        match scalar {
            wgpu::CooperativeScalarType::F16 => Some("f16"),
            wgpu::CooperativeScalarType::F32 => Some("f32"),
            _ => None,
        }
    }
    adapter
        .cooperative_matrix_properties()
        .iter()
        // WGSL can only write square tiles of 8 or 16; drivers list others too.
        .filter(|p| p.m_size == p.n_size && p.n_size == p.k_size && matches!(p.m_size, 8 | 16))
        .filter_map(|p| {
            Some(CooperativeMatrix {
                size: p.m_size,
                factors: Cow::Borrowed(name(p.ab_type)?),
                accumulator: Cow::Borrowed(name(p.cr_type)?),
                lanes,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::capabilities::tests::minimal;
    use super::*;

    #[test]
    fn matrices_that_a_driver_lists_and_refuses_are_done_without() {
        let shape =
            CooperativeMatrix { size: 8, factors: "f16".into(), accumulator: "f32".into(), lanes: Some(4) };
        let path = |switch: &'static str| OptionalPath {
            name: "a path".into(),
            state: PathState::Used,
            detail: String::new(),
            switch: switch.into(),
        };
        let mut found = Capabilities {
            cooperative_matrix: vec![shape],
            paths: vec![path(NO_F16), path(NO_COOPERATIVE_MATRIX)],
            ..minimal(DeviceClass::SimdCpu)
        };
        found.withdraw_cooperative_matrix("feature not present");
        assert!(found.cooperative_matrix.is_empty() && !found.experimental().is_enabled());
        assert_eq!(found.paths[0].state, PathState::Used);
        assert_eq!(found.paths[1].state, PathState::Unavailable);
        assert!(found.paths[1].detail.contains("feature not present"));
    }

    #[test]
    fn the_experimental_feature_is_asked_for_only_where_shapes_are_offered() {
        let shape =
            CooperativeMatrix { size: 8, factors: "f32".into(), accumulator: "f32".into(), lanes: Some(32) };
        let with = Capabilities { cooperative_matrix: vec![shape], ..minimal(DeviceClass::Gpu) };
        assert_eq!(with.features(), wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
        assert_eq!(minimal(DeviceClass::Gpu).features(), wgpu::Features::empty());
        assert!(with.experimental().is_enabled() && !minimal(DeviceClass::Gpu).experimental().is_enabled());
    }
}
