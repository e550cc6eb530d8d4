//! CLIP's layers in burn's modules, for the peers that run a tower with it.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, sigmoid};
use burn::tensor::{Device, Tensor, TensorData};

/// A tensor of these values.
pub fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// A layer from W [out, in]; burn keeps [in, out].
pub fn linear(weight: &[f32], bias: Option<&[f32]>, [n, k]: [usize; 2], device: &Device) -> Linear {
    let mut turned = vec![0.0; n * k];
    for (row, values) in weight.chunks_exact(k).enumerate() {
        values.iter().enumerate().for_each(|(column, &v)| turned[column * n + row] = v);
    }
    let mut layer = LinearConfig::new(k, n).with_bias(bias.is_some()).init(device);
    layer.weight = Param::from_tensor(tensor(&turned, [k, n], device));
    layer.bias = bias.map(|b| Param::from_tensor(tensor(b, [n], device)));
    layer
}

/// A LayerNorm with ε = 1e-5.
pub fn norm(gamma: &[f32], beta: &[f32], device: &Device) -> LayerNorm {
    let mut layer = LayerNormConfig::new(gamma.len()).with_epsilon(1e-5).init(device);
    layer.gamma = Param::from_tensor(tensor(gamma, [gamma.len()], device));
    layer.beta = Some(Param::from_tensor(tensor(beta, [beta.len()], device)));
    layer
}

/// A transformer block.
#[derive(Module, Debug)]
pub struct Block {
    pub norms: [LayerNorm; 2],
    /// Queries, keys and values in one.
    pub qkv: Linear,
    pub out: Linear,
    pub mlp: [Linear; 2],
    pub heads: usize,
    /// QuickGELU in place of GELU.
    pub quick: bool,
}

impl Block {
    /// [batch, tokens, width] to the same; `attend` takes q, k and v [batch, heads, tokens, width of a head].
    pub fn forward(
        &self,
        x: Tensor<3>,
        attend: impl Fn(Tensor<4>, Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let [batch, tokens, width] = x.dims();
        let heads = |x: Tensor<3>| x.reshape([batch, tokens, self.heads, width / self.heads]).swap_dims(1, 2);
        let qkv = self.qkv.forward(self.norms[0].forward(x.clone())).chunk(3, 2);
        let [q, k, v] = [0, 1, 2].map(|i| heads(qkv[i].clone()));
        let x = x + self.out.forward(attend(q, k, v).swap_dims(1, 2).reshape([batch, tokens, width]));
        let y = self.mlp[0].forward(self.norms[1].forward(x.clone()));
        let y = if self.quick { y.clone() * sigmoid(y * 1.702) } else { gelu(y) };
        x + self.mlp[1].forward(y)
    }
}
