// The part "Detect": photos in, scores, names, maps and boxes out.

import { byId, bytes, download, el, plural, short } from "./dom.js";
import { Camera } from "./camera.js";
import { card } from "./card.js";
import { decodable, modelFolder } from "./files.js";

/** What is looked for unless something else is named; the same list as the program's. */
const DEFECTS = ["scratch", "crack", "hole", "contamination", "stain", "color", "cut", "broken", "bent", "missing"];

export class Detect {
  #session;
  /** `{ name, file, state, outcome, row }`, in the order of the list. */
  #photos = [];
  #waiting = [];
  #busy = false;
  #abort = null;
  #chosen = null;
  #interrupted = false;
  /** Changes with each question. */
  #round = 0;

  constructor(session) {
    this.#session = session;
    byId("defects").value = DEFECTS.join(", ");
    session.question = this.#question();
    session.onmodel = (info) => this.#model(info);
    byId("question").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#again(() => { session.question = this.#question(); });
    });
    this.#files("photos", (files) => this.add(files));
    this.#files("good", (files) => this.#again(() => { session.good = [...session.good, ...files]; }));
    byId("forget-good").addEventListener("click", () => this.#again(() => { session.good = []; }));
    this.#files("model-folder", (files) => this.#offer(files));
    this.#files("model-files", (files) => this.#offer(files));
    byId("embedded").addEventListener("click", () => this.#again(() => { session.modelFiles = null; }));
    byId("detect-stop").addEventListener("click", () => this.#stop());
    byId("clear").addEventListener("click", () => this.#clear());
    byId("save-results").addEventListener("click", () => this.#save("results", "results.json", "application/json"));
    byId("save-report").addEventListener("click", () => this.#save("report", "report.html", "text/html"));
    const camera = new Camera((file) => this.add([file]));
    byId("camera").addEventListener("click", () => camera.open());
    this.#dropping();
  }

  #files(id, then) {
    const input = byId(id);
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      if (files.length) then(files);
    });
  }

  #dropping() {
    const drop = byId("drop"), over = (on) => drop.classList.toggle("over", on);
    addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(false); });
    addEventListener("drop", (event) => {
      event.preventDefault();
      over(false);
      const files = [...event.dataTransfer.files];
      const isModel = files.some((file) => file.name.endsWith(".safetensors"));
      if (isModel) { byId("model-box").open = true; this.#offer(files); } else if (files.length) this.add(files);
    });
    addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) this.add(files);
    });
  }

  #question() {
    const defects = byId("defects").value.split(",").map((name) => name.trim()).filter(Boolean);
    return { object: byId("object").value.trim(), defects: defects.length ? defects : DEFECTS };
  }

  /** Loads the model before the first photo, so that it is there when one comes. */
  async prepare() {
    await this.#run();
  }

  /** Adds photos to the list and looks at them. */
  add(files) {
    for (const file of files) {
      const photo = { name: file.name || "photo", file, outcome: null };
      photo.row = this.#row(photo);
      byId("list").tBodies[0].append(photo.row);
      this.#photos.push(photo);
      this.#waiting.push(photo);
    }
    byId("list-empty").hidden = this.#photos.length > 0;
    if (!this.#chosen && this.#photos.length) this.#choose(this.#photos[0]);
    this.#interrupted = false;
    this.#run();
  }

  /** Changes what is asked, and looks at all photos again. */
  #again(change) {
    change();
    this.#round += 1;
    this.#session.engine.start().then(() => this.#session.engine.call("keepPhotos", [[]])).catch(() => {});
    for (const photo of this.#photos) { photo.outcome = null; this.#fill(photo); }
    this.#waiting = [...this.#photos];
    this.#interrupted = false;
    if (this.#chosen) this.#show(this.#chosen);
    this.#run();
  }

  async #run() {
    if (this.#busy) return;
    this.#busy = true;
    this.#abort = new AbortController();
    const session = this.#session, status = byId("detect-status");
    const restarted = () => { this.#waiting = [...this.#photos]; };
    byId("detect-stop").disabled = this.#photos.length === 0;
    try {
      await session.work(async () => {
        const load = () => session.load((text) => { status.textContent = text; });
        await load();
        window.dapo.settle("error");
        while (this.#waiting.length && !this.#abort.signal.aborted) {
          // Another question may have been asked meanwhile.
          await load();
          const photo = this.#waiting[0], done = this.#photos.length - this.#waiting.length, round = this.#round;
          if (!photo) break;
          byId("detect-progress").max = this.#photos.length;
          byId("detect-progress").value = done;
          status.textContent = `${done} of ${plural(this.#photos.length, "photo")}: ${photo.name}`;
          byId("detect-stop").disabled = false;
          const outcome = await this.#look(photo);
          // The answer to the question before; the engine forgets it, too.
          if (round !== this.#round) continue;
          photo.outcome = outcome;
          this.#waiting = this.#waiting.filter((other) => other !== photo);
          this.#fill(photo);
          if (photo === this.#chosen) this.#show(photo);
        }
      }, restarted);
      this.#tell();
      session.status("ready");
    } catch (error) {
      session.fail(error, status);
      session.status("ready");
      if (!error.stopped) session.fail(error);
    } finally {
      this.#busy = false;
      byId("detect-stop").disabled = true;
    }
    // What was asked for meanwhile.
    if (this.#waiting.length && !this.#abort.signal.aborted && !byId("error")) this.#run();
  }

  async #look(photo) {
    const engine = this.#session.engine;
    if (photo.ended > 1) return engine.call("addFailed", [photo.name, "the engine ended on it, twice", "it may be too large for the memory of a browser: scale it down"]);
    let data;
    try {
      data = new Uint8Array(await (await decodable(photo.file)).arrayBuffer());
    } catch (error) {
      return engine.call("addFailed", [photo.name, error.message, error.hint ?? "choose it again; it may have been moved or changed"]);
    }
    try {
      return await engine.call("detect", [photo.name, data], { transfer: [data.buffer] });
    } catch (error) {
      if (error.fatal) photo.ended = (photo.ended ?? 0) + 1;
      throw error;
    }
  }

  #tell() {
    const done = this.#photos.filter((photo) => photo.outcome), failed = done.filter((photo) => photo.outcome.result.error);
    const seconds = done.reduce((sum, photo) => sum + photo.outcome.seconds, 0);
    byId("detect-progress").max = Math.max(this.#photos.length, 1);
    byId("detect-progress").value = done.length;
    const words = [`${plural(done.length, "photo")} in ${seconds.toFixed(2)} s`];
    if (failed.length) words.push(`${failed.length} could not be read`);
    if (this.#interrupted) words.push("stopped");
    byId("detect-status").textContent = done.length ? words.join(", ") + "." : "No photos yet.";
    for (const id of ["save-results", "save-report"]) byId(id).disabled = done.length === failed.length;
    byId("clear").disabled = this.#photos.length === 0;
  }

  #stop() {
    this.#interrupted = true;
    this.#abort?.abort();
    this.#waiting = [];
    byId("detect-status").textContent = "stopping after this photo …";
  }

  #clear() {
    this.#stop();
    this.#round += 1;
    this.#photos = [];
    this.#chosen = null;
    this.#interrupted = false;
    byId("list").tBodies[0].replaceChildren();
    byId("list-empty").hidden = false;
    byId("detail").replaceChildren(card(null));
    this.#session.engine.call("keepPhotos", [[]]).catch(() => {});
    this.#tell();
  }

  #row(photo) {
    const choose = el("button", { class: "choose", type: "button", onclick: () => this.#choose(photo) },
      el("img", { class: "thumb", alt: "", width: 48, height: 36, src: "data:," }), el("span", {}, photo.name));
    return el("tr", {}, el("td", {}, choose), el("td", { class: "num score" }, "…"), el("td", {}, "waiting"));
  }

  #fill(photo) {
    const [, score, type] = photo.row.cells, { outcome } = photo;
    const { result, pictures } = outcome ?? {};
    photo.row.classList.toggle("flag", (result?.score ?? 0) >= 0.5);
    if (!outcome) { score.textContent = "…"; type.textContent = "waiting"; return; }
    if (result.error) {
      score.textContent = "–";
      type.replaceChildren(el("span", { class: "failed" }, "could not be read"));
      return;
    }
    if (pictures) photo.row.querySelector("img").src = pictures.thumbnail;
    score.replaceChildren(el("span", { class: "meter", "aria-hidden": "true" }, el("i", { style: `width:${100 * result.score}%` })), el("b", {}, result.score.toFixed(3)));
    type.textContent = result.type;
  }

  #choose(photo) {
    this.#chosen = photo;
    for (const other of this.#photos) other.row.setAttribute("aria-selected", String(other === photo));
    this.#show(photo);
  }

  #show(photo) {
    byId("detail").replaceChildren(card(photo, this.#session.question.defects));
  }

  async #save(field, name, type) {
    try {
      const documents = await this.#session.engine.call("documents", [this.#interrupted]);
      download(name, documents[field], type);
    } catch (error) {
      this.#session.fail(error);
    }
  }

  #model(info) {
    const { name, imageSize, demonstration, goodPhotos, deviceBytes } = info;
    byId("model").replaceChildren(name, ...(demonstration ? [" ", el("span", { class: "tag" }, "demonstration")] : []), el("br"),
      el("span", { class: "muted" }, `${imageSize} × ${imageSize} pixels, ${bytes(deviceBytes)} on the device`));
    byId("model-name").textContent = demonstration ? `${name}, embedded` : name;
    byId("embedded").disabled = demonstration;
    byId("good-count").textContent = goodPhotos ? String(goodPhotos) : "none";
    byId("forget-good").disabled = goodPhotos === 0;
    byId("good-notes").replaceChildren(...(this.#session.good.length ? this.#session.goodNotes ?? [] : []).map((note) => el("li", {}, note)));
  }

  /** Says what a model needs before it is loaded. */
  async #offer(files) {
    const place = byId("model-needs"), session = this.#session;
    const { name, files: chosen } = modelFolder(files);
    place.replaceChildren("reading the headers …");
    try {
      await session.open();
      const needs = await session.engine.call("describeModel", [name, chosen]);
      const load = el("button", { class: "toggle primary", type: "button", onclick: () => {
        place.replaceChildren();
        this.#again(() => { session.modelFiles = { name, files: chosen }; });
      } }, "Load it");
      const large = needs.deviceBytes > 1.5e9 ? " That is much for a browser: close other pages first." : "";
      place.replaceChildren(el("p", { class: "muted" },
        `${needs.name}: ${short(needs.parameters * 1e-6)} million parameters, photos at ${needs.imageSize} × ${needs.imageSize} pixels, ` +
        `${bytes(needs.deviceBytes)} of device memory and as much again while it works.${large}`), el("p", {}, load));
    } catch (error) {
      place.textContent = [error.message, error.hint].filter(Boolean).join(" — ");
    }
  }
}
