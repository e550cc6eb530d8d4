// One step of Adam (Kingma & Ba 2015), with decoupled weight decay (Loshchilov & Hutter 2019):
// p' = decay·p - rate·m' / (√v'·correction + ε), m' = β₁m + (1 - β₁)g, v' = β₂v + (1 - β₂)g².
// T is f32, or vec4<f32> where the length allows. What depends on the step alone comes from the host.

struct Params {
    count: u32,        // in elements of T
    decay: f32,        // 1 - learning rate · weight decay
    beta1: f32,
    one_beta1: f32,    // 1 - β₁
    beta2: f32,
    one_beta2: f32,    // 1 - β₂
    rate: f32,         // learning rate / (1 - β₁ᵗ)
    correction: f32,   // 1 / √(1 - β₂ᵗ)
    epsilon: f32,
}
#params

@group(0) @binding(0) var<storage, read> p: array<T>;              // [count]
@group(0) @binding(1) var<storage, read> m: array<T>;              // [count]
@group(0) @binding(2) var<storage, read> v: array<T>;              // [count]
@group(0) @binding(3) var<storage, read> g: array<T>;              // [count]
@group(0) @binding(4) var<storage, read_write> new_p: array<T>;    // [count]
@group(0) @binding(5) var<storage, read_write> new_m: array<T>;    // [count]
@group(0) @binding(6) var<storage, read_write> new_v: array<T>;    // [count]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
    let gradient = g[i];
    let mean = params.beta1 * m[i] + params.one_beta1 * gradient;
    let square = params.beta2 * v[i] + params.one_beta2 * gradient * gradient;
    new_m[i] = mean;
    new_v[i] = square;
    new_p[i] = params.decay * p[i] - params.rate * mean / (sqrt(square) * params.correction + params.epsilon);
}
