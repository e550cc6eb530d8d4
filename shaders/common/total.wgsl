// The sum and the largest of an element's components, for kernels whose element T is f32 or vec4<f32>.

#if VEC4
fn total(v: vec4<f32>) -> f32 { return (v.x + v.y) + (v.z + v.w); }
fn largest(v: vec4<f32>) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
#else
fn total(v: f32) -> f32 { return v; }
fn largest(v: f32) -> f32 { return v; }
#end
