// The engine in a worker: calls are queued, one at a time, because a suspended call holds the engine's locks.
import init, * as engine from "./engine/dapo_wgpu_web.js";

const ready = init();
const dropped = new Set();
let queue = ready;
let running = null;

/** Places of callbacks among the arguments become functions that post what they are called with. */
const withCallbacks = (id, args) =>
  args.map((arg) => (arg && arg.callback ? (...values) => postMessage({ id, callback: arg.callback, values }) : arg));

async function run({ id, name, args }) {
  if (dropped.delete(id)) return postMessage({ id, error: { message: "stopped", stopped: true } });
  running = id;
  try {
    await ready;
    const value = await engine[name](...withCallbacks(id, args));
    // Calls that were suspended give their errors back.
    if (value instanceof Error) throw value;
    postMessage({ id, value });
  } catch (error) {
    // A trap leaves the engine in no state to go on; what it throws by itself has a message and a hint.
    const fatal = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
    const { message, hint = "", lost = false } = error instanceof Error ? error : { message: String(error) };
    postMessage({ id, error: { message, hint, lost, fatal } });
  } finally {
    running = null;
  }
}

onmessage = ({ data }) => {
  if (data.stop !== undefined) {
    if (data.stop === running) engine.stop();
    else dropped.add(data.stop);
  } else if (data.now) {
    // Not queued: the device is closed under a call that waits for it.
    engine[data.now]();
  } else {
    queue = queue.then(() => run(data), () => run(data));
  }
};

ready.then(
  () => postMessage({ ready: true, version: engine.version() }),
  (error) => postMessage({ failed: String(error) }),
);
