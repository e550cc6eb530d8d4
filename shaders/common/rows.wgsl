// Reductions over a row, in two shapes chosen by ROWWISE:
// * one workgroup of WG invocations a row, tree-reduced in workgroup memory (GPUs);
// * one invocation a row (CPUs, where a barrier suspends and resumes every invocation).
// `row_first` and `row_step` are where an invocation starts in the row and how far it strides.

#if ROWWISE
fn row_index(group: u32, lane: u32) -> u32 { return group * WG + lane; }
fn row_first(lane: u32) -> u32 { return 0u; }
const row_step: u32 = 1u;
fn row_sum(value: f32, lane: u32) -> f32 { return value; }
fn row_max(value: f32, lane: u32) -> f32 { return value; }
#else
var<workgroup> scratch: array<f32, WG>;
fn row_index(group: u32, lane: u32) -> u32 { return group; }
fn row_first(lane: u32) -> u32 { return lane; }
const row_step: u32 = WG;

fn row_sum(value: f32, lane: u32) -> f32 {
    scratch[lane] = value;
    workgroupBarrier();
    for (var half = WG / 2u; half > 0u; half /= 2u) {
        if lane < half {
            scratch[lane] += scratch[lane + half];
        }
        workgroupBarrier();
    }
    let total = scratch[0];
    workgroupBarrier(); // nobody may overwrite the scratch before all have read it
    return total;
}

fn row_max(value: f32, lane: u32) -> f32 {
    scratch[lane] = value;
    workgroupBarrier();
    for (var half = WG / 2u; half > 0u; half /= 2u) {
        if lane < half {
            scratch[lane] = max(scratch[lane], scratch[lane + half]);
        }
        workgroupBarrier();
    }
    let largest = scratch[0];
    workgroupBarrier();
    return largest;
}
#end
