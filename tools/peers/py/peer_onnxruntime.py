"""ONNX Runtime on the CPU, its models built here node by node."""

import onnx
import onnxruntime
from common import WEIGHTS, affine, load_vit, serve, threads, timed, values
from onnx import TensorProto, helper, numpy_helper

MS = "com.microsoft"  # ONNX Runtime's own operators: fused attention, QuickGELU


class Graph:
    """A model in the making; every method returns the name of a value."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, array):
        self.constants.append(numpy_helper.from_array(array, f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, op, *inputs, domain="", outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, x, weight, bias=None):
        y = self.node("MatMul", x, self.constant(weight.T.copy()))
        return y if bias is None else self.node("Add", y, self.constant(bias))

    def norm(self, x, gamma, beta):
        return self.node(
            "LayerNormalization", x, self.constant(gamma), self.constant(beta), axis=-1, epsilon=1e-5
        )

    def attention(self, q, k, v, heads):
        return self.node("MultiHeadAttention", q, k, v, domain=MS, num_heads=heads)

    def session(self, inputs, output):
        """inputs: name to shape. Returns a session with its own two threads, which never spin."""
        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)  # noqa: E731
        graph = helper.make_graph(
            self.nodes,
            "peer",
            [value(name, shape) for name, shape in inputs.items()],
            [value(output, None)],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MS, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads()
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def vit(batch):
    w, g = load_vit(), Graph()

    def affine_at(name):
        return w[f"{name}.weight"], w[f"{name}.bias"]

    cells = g.node("Conv", "x", g.constant(w["embeddings.patch_embedding.weight"]), strides=[16, 16])
    cells = g.node("Reshape", cells, g.constant(onnx.numpy_helper.np.array([batch, 768, 196])))
    cells = g.node("Transpose", cells, perm=[0, 2, 1])
    head = w["embeddings.class_embedding"][None, None].repeat(batch, 0)
    x = g.node("Concat", g.constant(head), cells, axis=1)
    x = g.node("Add", x, g.constant(w["embeddings.position_embedding.weight"]))
    x = g.norm(x, *affine_at("pre_layrnorm"))
    for i in range(12):
        at = f"encoder.layers.{i}"
        qkv = g.linear(g.norm(x, *affine_at(f"{at}.layer_norm1")), *affine_at(f"{at}.self_attn.qkv"))
        parts = g.node("Split", qkv, axis=2, outputs=3)
        x = g.node("Add", x, g.linear(g.attention(*parts, 12), *affine_at(f"{at}.self_attn.out_proj")))
        y = g.linear(g.norm(x, *affine_at(f"{at}.layer_norm2")), *affine_at(f"{at}.mlp.fc1"))
        y = g.node("QuickGelu", y, domain=MS, alpha=1.702)
        x = g.node("Add", x, g.linear(y, *affine_at(f"{at}.mlp.fc2")))
    x = g.node("Gather", x, g.constant(onnx.numpy_helper.np.array(0)), axis=1)
    x = g.linear(g.norm(x, *affine_at("post_layernorm")), w["visual_projection.weight"])
    return g.session({"x": [batch, 3, 224, 224]}, x)


def prepare(name, sizes):
    g = Graph()
    if name == "attention":
        tokens, heads, dim = sizes
        output = g.attention("q", "k", "v", heads)
        session = g.session(dict.fromkeys("qkv", [1, tokens, heads * dim]), output)

        def attention(qkv):
            parts = qkv.transpose(1, 0, 2, 3).reshape(3, 1, tokens, heads * dim)
            return run(session, dict(zip("qkv", parts, strict=True)))

        return attention
    if name == "gemm":
        m, n, k = sizes
        session = g.session({"x": [m, k]}, g.linear("x", values(WEIGHTS, n, k)))
    elif name == "layernorm":
        session = g.session({"x": list(sizes)}, g.norm("x", *affine(sizes[1])))
    else:
        session = vit(*sizes)
    return lambda x: run(session, {"x": x})


def run(session, inputs):
    seconds, (result,) = timed(session.run, None, inputs)
    return seconds, result


serve(f"onnxruntime {onnxruntime.__version__}; CPU, {threads()} threads", prepare)
