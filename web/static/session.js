// The engine with its device, model and question: opened when needed, and opened again after a loss.

import { Engine, EngineError } from "./engine.js";
import { byId, bytes } from "./dom.js";

/** Times that a lost device or a failed engine is replaced for one piece of work. */
const REPLACEMENTS = 3;

export class Session {
  engine = new Engine();
  device = null;
  /** Object and defects of the question; the general list where there are none. */
  question = { object: "", defects: [] };
  /** Files of a model, `null` for the embedded one: `{ name, files: [{ name, file }] }`. */
  modelFiles = null;
  /** Good photos: files. */
  good = [];
  /** Is called with what is loaded, whenever that changes. */
  onmodel = () => {};
  #loaded = null;
  #opening = null;

  status(text) {
    byId("engine").textContent = text;
  }

  /** Opens the device, once. */
  async open() {
    this.#opening ??= this.#open();
    try {
      return await this.#opening;
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }

  async #open() {
    this.status("starting …");
    const version = await this.engine.start();
    byId("program").textContent = `dapo-wgpu ${version}`;
    byId("footer").textContent = `dapo-wgpu ${version}`;
    this.status("opening the device …");
    this.device = await this.engine.call("openDevice");
    const { name, software, summary } = this.device;
    const tag = document.createElement("span");
    tag.className = "tag";
    tag.textContent = software ? "software on the CPU, not a GPU" : "";
    const muted = document.createElement("span");
    muted.className = "muted";
    muted.textContent = summary;
    byId("device").replaceChildren(name, " ", ...(software ? [tag] : []), document.createElement("br"), muted);
    this.status("ready");
    return this.device;
  }

  /** Loads the model with the question and the good photos, unless that is done. */
  async load(progress = () => {}) {
    const wanted = { files: this.modelFiles, question: JSON.stringify(this.question), good: this.good };
    const now = this.#loaded;
    if (now && now.files === wanted.files && now.question === wanted.question && now.good === wanted.good) return;
    await this.open();
    const { object, defects } = this.question;
    let info;
    this.#loaded = null;
    if (!now || now.files !== wanted.files) {
      this.status("loading the model …");
      const files = this.modelFiles;
      const args = [files?.name, files?.files, object || undefined, defects, { callback: "read" }];
      const read = (done, all) => this.status(`loading the model: ${bytes(done)}${all ? ` of ${bytes(all)}` : ""}`);
      info = await this.engine.call("loadModel", args, { callbacks: { read } });
    } else if (now.question !== wanted.question) {
      this.status("encoding the names of the defects …");
      try {
        info = await this.engine.call("setQuestion", [object || undefined, defects]);
      } catch (error) {
        // The question before is still in force, without good photos.
        if (!error.lost && !error.fatal) this.#loaded = { ...now, good: now.good.length ? [] : now.good };
        throw error;
      }
    }
    if (this.good.length || now?.good.length) {
      this.status("looking at the good photos …");
      const photos = [];
      for (const file of this.good) photos.push({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });
      const seen = (done, all, name) => progress(`good photo ${done} of ${all}: ${name}`);
      const learned = await this.engine.call("learnGood", [photos, { callback: "seen" }], { callbacks: { seen } });
      this.goodNotes = learned.notes;
    }
    info = await this.engine.call("currentModel");
    this.#loaded = wanted;
    this.status("ready");
    this.onmodel(info);
  }

  /** Forgets what was loaded: the next piece of work opens device and model again. */
  forget() {
    this.#loaded = null;
    this.#opening = null;
  }

  /**
   * Does a piece of work. Where the device is lost or the engine fails meanwhile, opens all of it again and repeats the
   * work, three times at most. `restarted` is called when the engine has forgotten its results.
   */
  async work(task, restarted = () => {}) {
    for (let times = 0; ; times++) {
      try {
        return await task();
      } catch (error) {
        const gone = error instanceof EngineError && (error.lost || error.fatal) && !error.stopped;
        if (error?.fatal || error?.lost) this.forget();
        if (error?.fatal) restarted();
        this.status(gone ? "the device or the engine was lost" : "ready");
        if (!gone || times >= REPLACEMENTS) throw error;
        window.dapo.notice("lost", error.lost ? "The device was lost, and is opened again." : "The engine stopped, and is started again.",
          `${error.message}. The work under way is repeated; if this recurs, close other pages that use the GPU, or take a smaller model.`, "status");
      }
    }
  }

  /** Shows an error where it belongs. */
  fail(error, place) {
    if (error?.stopped) return;
    const text = [error?.message ?? String(error), error?.hint].filter(Boolean).join(" — ");
    if (place) place.textContent = text;
    else window.dapo.notice("error", error?.message ?? String(error), error?.hint ?? "");
  }
}
