// The worker as seen from the page: promises, progress, an end to calls, and a new worker where one failed.

/** Milliseconds that a call has to end after it was asked to; then the worker is replaced. */
const PATIENCE = 15000;

/** What went wrong, with what to do about it. */
export class EngineError extends Error {
  constructor({ message, hint = "", lost = false, fatal = false, stopped = false }) {
    super(message);
    Object.assign(this, { hint, lost, fatal, stopped });
  }
}

export class Engine {
  #worker = null;
  #calls = new Map();
  #number = 0;
  #ready = null;

  /** Starts the worker; the version of the engine. */
  start() {
    this.#ready ??= new Promise((resolve, reject) => {
      this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "dapo-wgpu" });
      this.#worker.onmessage = ({ data }) => {
        if (data.ready) resolve(data.version);
        else if (data.failed) {
          reject(new EngineError({ message: `the engine could not be loaded: ${data.failed}`, hint: "load the page again", fatal: true, stopped: false }));
          this.#replace(data.failed);
        }
        else this.#answer(data);
      };
      this.#worker.onerror = (event) => {
        event.preventDefault?.();
        const message = event.message || "the worker could not be loaded";
        reject(new EngineError({ message, fatal: true }));
        this.#replace(message);
      };
    });
    return this.#ready;
  }

  #answer({ id, value, error, callback, values }) {
    const call = this.#calls.get(id);
    if (!call) return;
    if (callback) return call.callbacks[callback]?.(...values);
    this.#calls.delete(id);
    clearTimeout(call.timer);
    if (!error) return call.resolve(value);
    call.reject(new EngineError(error));
    if (error.fatal) this.#replace(error.message);
  }

  /** Ends the worker with everything that it holds; the next call starts another one. */
  #replace(message) {
    this.#worker?.terminate();
    this.#worker = null;
    this.#ready = null;
    for (const call of this.#calls.values()) {
      clearTimeout(call.timer);
      call.reject(new EngineError({ message, fatal: true, stopped: call.asked }));
    }
    this.#calls.clear();
  }

  /**
   * Calls an export. Functions among `callbacks` stand in `args` as `{ callback: name }`. `transfer` names buffers that
   * are given away.
   */
  async call(name, args = [], { callbacks = {}, transfer = [], signal } = {}) {
    await this.start();
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      const call = { resolve, reject, callbacks, asked: false, timer: 0 };
      this.#calls.set(id, call);
      this.#worker.postMessage({ id, name, args }, transfer);
      const stop = () => {
        call.asked = true;
        this.#worker?.postMessage({ stop: id });
        call.timer = setTimeout(() => this.#calls.has(id) && this.#replace("the call did not end when asked to"), PATIENCE);
      };
      if (signal?.aborted) stop();
      else signal?.addEventListener("abort", stop, { once: true });
    });
  }

  /** Closes the device under the call that waits for it. */
  closeDevice() {
    this.#worker?.postMessage({ now: "closeDevice" });
  }
}
