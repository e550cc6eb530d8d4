//! What a backward problem is the derivative of.

/// Makes results that the forward pass saved, which are inputs of the backward pass, fit the other inputs.
pub type Prepare = Box<dyn Fn(&mut [Vec<f64>])>;
/// A scalar function of a backward problem's inputs.
pub type Scalar = Box<dyn Fn(&[Vec<f64>]) -> f64>;

/// What a backward problem is the derivative of; `check` compares its reference with finite differences.
pub struct Derivative {
    /// For every output, the index of the input that it is the gradient of.
    pub wrt: Vec<usize>,
    /// Makes inputs that the forward pass saved fit the others; most problems have none. A saved result
    /// may take the place of the input that it was made of.
    pub prepare: Prepare,
    /// The forward pass in float64: the sum of its results, each times its upstream gradient. Its inputs
    /// are as they were before `prepare`.
    pub value: Scalar,
}

impl Derivative {
    /// The derivative of this scalar with respect to these inputs, none of which depends on another.
    pub fn of(wrt: Vec<usize>, value: impl Fn(&[Vec<f64>]) -> f64 + 'static) -> Self {
        Self { wrt, prepare: Box::new(|_| {}), value: Box::new(value) }
    }
}

/// Σ a·b: a forward pass' results times their upstream gradients.
pub fn weighted(results: &[f64], upstream: &[f64]) -> f64 {
    results.iter().zip(upstream).map(|(y, dy)| y * dy).sum()
}
