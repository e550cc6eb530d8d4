//! The tape: nodes in the order in which ops ran, and the walk back over them.

use std::cell::RefCell;

use crate::gpu::Gpu;
use crate::ops::{self, OpError, Tensor};

type Result<T> = std::result::Result<T, OpError>;

/// The gradients of an op's inputs, in their order; `None` where none is required or none flows.
pub type InputGradients = Vec<Option<Tensor>>;

/// From the gradient of a result to those of the inputs.
type Rule<'m> = Box<dyn FnOnce(&Gpu, &Tensor) -> Result<InputGradients> + 'm>;

/// A step of the computation that a gradient passes through.
struct Node<'m> {
    /// The nodes of its inputs; `None` for constants.
    inputs: Vec<Option<usize>>,
    /// `None` for a leaf.
    rule: Option<Rule<'m>>,
}

/// A tensor in a computation, and its node on the tape if it requires a gradient. Clones are the same value.
#[derive(Debug, Clone)]
pub struct Var {
    tensor: Tensor,
    node: Option<usize>,
}

impl Var {
    /// A value that requires no gradient.
    pub fn constant(tensor: Tensor) -> Self {
        Self { tensor, node: None }
    }

    /// The value.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Dimensions, densest last.
    pub fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    /// Whether a gradient flows to it: a leaf, or what was computed from one.
    pub fn requires_grad(&self) -> bool {
        self.node.is_some()
    }

    /// The same value under another shape; its gradient keeps the old one.
    ///
    /// # Errors
    /// [`OpError::Shape`] when the number of elements differs.
    pub fn reshape<'m>(&self, tape: &Tape<'m>, shape: &[usize]) -> Result<Self> {
        let tensor = self.tensor.reshape(shape)?;
        let old = self.shape().to_vec();
        tape.record(tensor, &[self], move |_, dy| Ok(vec![Some(dy.reshape(&old)?)]))
    }
}

/// A record of ops, for one computation. `'m` is the life of the model whose frozen weights the rules read.
pub struct Tape<'m> {
    gpu: Gpu,
    /// `None` when nothing is recorded.
    nodes: Option<RefCell<Vec<Node<'m>>>>,
}

impl<'m> Tape<'m> {
    /// A tape that records what leads to its leaves.
    pub fn new(gpu: &Gpu) -> Self {
        Self { gpu: gpu.clone(), nodes: Some(RefCell::default()) }
    }

    /// A tape that records nothing.
    pub fn inference(gpu: &Gpu) -> Self {
        Self { gpu: gpu.clone(), nodes: None }
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// A value that requires a gradient; on an inference tape a constant.
    pub fn leaf(&self, tensor: Tensor) -> Var {
        let node = self.nodes.as_ref().map(|nodes| push(nodes, Node { inputs: Vec::new(), rule: None }));
        Var { tensor, node }
    }

    /// The result of an op on these inputs. `rule` turns the gradient of the result into gradients of the
    /// inputs, and is kept only if one of them requires it. What the rule captures is saved until the
    /// backward pass.
    ///
    /// # Errors
    /// None today; a result so that methods can end with it.
    pub fn record(
        &self,
        result: Tensor,
        inputs: &[&Var],
        rule: impl FnOnce(&Gpu, &Tensor) -> Result<InputGradients> + 'm,
    ) -> Result<Var> {
        let node = self.nodes.as_ref().filter(|_| inputs.iter().any(|v| v.requires_grad())).map(|nodes| {
            let inputs = inputs.iter().map(|v| v.node).collect();
            push(nodes, Node { inputs, rule: Some(Box::new(rule)) })
        });
        Ok(Var { tensor: result, node })
    }

    /// An op of your own, as `torch.autograd.Function` has it: `forward` computes the result of these inputs,
    /// `backward` the gradients of the inputs from the inputs, the result and the gradient of the result.
    /// Inputs and result are saved if a gradient is required, and only then.
    ///
    /// ```
    /// # use dapo_wgpu::{autograd::Tape, gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
    /// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
    /// # let gpu = Gpu::open(&GpuOptions::default())?;
    /// let tape = Tape::new(&gpu);
    /// let x = tape.leaf(Tensor::upload(&gpu, &[1.0, 2.0], &[2])?);
    /// let y = tape.custom(
    ///     &[&x],
    ///     |gpu, inputs| ops::scale(gpu, 3.0, &inputs[0]),
    ///     |gpu, _inputs, _result, dy| Ok(vec![Some(ops::scale(gpu, 3.0, dy)?)]),
    /// )?;
    /// let dy = Tensor::upload(&gpu, &[1.0, 10.0], &[2])?;
    /// let dx = tape.backward(vec![(&y, dy)])?.take(&x).expect("x is a leaf");
    /// assert_eq!(dx.read(&gpu)?, [3.0, 30.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of `forward`; those of `backward` are returned by [`Tape::backward`].
    pub fn custom(
        &self,
        inputs: &[&Var],
        forward: impl FnOnce(&Gpu, &[Tensor]) -> Result<Tensor>,
        backward: impl FnOnce(&Gpu, &[Tensor], &Tensor, &Tensor) -> Result<InputGradients> + 'm,
    ) -> Result<Var> {
        let tensors: Vec<Tensor> = inputs.iter().map(|v| v.tensor.clone()).collect();
        let result = forward(&self.gpu, &tensors)?;
        let saved = result.clone();
        self.record(result, inputs, move |gpu, dy| backward(gpu, &tensors, &saved, dy))
    }

    /// Runs `body` on x without recording what it does, and again, recorded, when the gradient of its
    /// result is due: only x is kept in between.
    ///
    /// ```
    /// # use dapo_wgpu::{autograd::Tape, gpu::{Gpu, GpuOptions}, ops::Tensor};
    /// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
    /// # let gpu = Gpu::open(&GpuOptions::default())?;
    /// let tape = Tape::new(&gpu);
    /// let x = tape.leaf(Tensor::upload(&gpu, &[1.0, 2.0], &[1, 2])?);
    /// let y = tape.checkpoint(&x, |tape, x| tape.add(x, x))?;
    /// let dy = Tensor::upload(&gpu, &[1.0, 1.0], &[1, 2])?;
    /// let dx = tape.backward(vec![(&y, dy)])?.take(&x).expect("x is a leaf");
    /// assert_eq!(dx.read(&gpu)?, [2.0, 2.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of `body`.
    pub fn checkpoint(&self, x: &Var, body: impl Fn(&Tape<'m>, &Var) -> Result<Var> + 'm) -> Result<Var> {
        let y = body(&Tape::inference(&self.gpu), &Var::constant(x.tensor.clone()))?;
        let saved = x.tensor.clone();
        self.record(y.tensor, &[x], move |gpu, dy| {
            let tape = Tape::new(gpu);
            let x = tape.leaf(saved);
            let y = body(&tape, &x)?;
            let mut gradients = tape.backward(vec![(&y, dy.clone())])?;
            Ok(vec![gradients.take(&x)])
        })
    }

    /// Walks back from these results, each with its gradient, and returns the gradients of the leaves.
    /// [`Tape::ones`] makes the gradients of losses.
    ///
    /// # Errors
    /// [`OpError::Shape`] when a gradient has not the shape of its result; those of the rules.
    pub fn backward(self, seeds: Vec<(&Var, Tensor)>) -> Result<Gradients> {
        let mut nodes = self.nodes.map(RefCell::into_inner).unwrap_or_default();
        let mut arrived: Vec<Option<Tensor>> = nodes.iter().map(|_| None).collect();
        for (result, gradient) in seeds {
            if gradient.shape() != result.shape() {
                let expected = format!("a gradient of shape {:?}", result.shape());
                return Err(OpError::Shape { op: "backward", expected, found: gradient.shape().to_vec() });
            }
            if let Some(node) = result.node {
                accumulate(&self.gpu, &mut arrived[node], gradient)?;
            }
        }
        while let Some(Node { inputs, rule }) = nodes.pop() {
            // A leaf keeps its gradient; a node that no result depends on has none to pass on.
            let at = nodes.len();
            let (Some(rule), Some(dy)) = (rule, arrived[at].as_ref()) else { continue };
            let gradients = rule(&self.gpu, dy)?;
            arrived[at] = None;
            for (input, gradient) in inputs.into_iter().zip(gradients) {
                if let (Some(input), Some(gradient)) = (input, gradient) {
                    accumulate(&self.gpu, &mut arrived[input], gradient)?;
                }
            }
        }
        Ok(Gradients { arrived })
    }
}

fn push<'m>(nodes: &RefCell<Vec<Node<'m>>>, node: Node<'m>) -> usize {
    let mut nodes = nodes.borrow_mut();
    nodes.push(node);
    nodes.len() - 1
}

/// Adds a gradient to the sum of those before it, of other uses of a value or other parts of a batch.
///
/// # Errors
/// [`OpError::Shape`] when their shapes differ.
pub fn accumulate(gpu: &Gpu, sum: &mut Option<Tensor>, gradient: Tensor) -> Result<()> {
    *sum = Some(match sum.take() {
        None => gradient,
        Some(sum) => ops::combine(gpu, 1.0, &sum, 1.0, &gradient)?,
    });
    Ok(())
}

/// The gradients of a tape's leaves.
#[derive(Debug)]
pub struct Gradients {
    arrived: Vec<Option<Tensor>>,
}

impl Gradients {
    /// The gradient of a leaf of this tape; `None` when the results do not depend on it, and the second
    /// time.
    pub fn take(&mut self, leaf: &Var) -> Option<Tensor> {
        self.arrived.get_mut(leaf.node?)?.take()
    }
}
