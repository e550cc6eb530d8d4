// The part "Bench": ceilings, roofline, times, and how they compare with an earlier run.

import { byId, download, el, plural, short, time } from "./dom.js";

export class Bench {
  #session;
  #outcome = null;
  #plot = null;

  constructor(session) {
    this.#session = session;
    byId("bench-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run();
    });
    byId("bench-json").addEventListener("click", () => download("bench.json", this.#outcome.json, "application/json"));
    byId("bench-svg").addEventListener("click", () => download("roofline.svg", this.#outcome.svg, "image/svg+xml"));
  }

  async #run() {
    const session = this.#session, abort = new AbortController();
    const cases = byId("bench-cases").value.split(";").map((text) => text.trim()).filter(Boolean);
    const stop = () => { abort.abort(); byId("bench-status").textContent = "stopping …"; };
    const progress = (done, all, what) => {
      byId("bench-progress").max = Math.max(all, 1);
      byId("bench-progress").value = done;
      if (!abort.signal.aborted) byId("bench-status").textContent = `${done} of ${all}: ${what}`;
    };
    byId("bench-stop").addEventListener("click", stop);
    byId("bench-run").disabled = true;
    byId("bench-stop").disabled = false;
    try {
      const file = byId("bench-old").files[0];
      const old = file && (await file.text());
      this.#outcome = await session.work(async () => {
        await session.open();
        session.status("measuring …");
        return session.engine.call("bench", [cases, Number(byId("bench-repeat").value), old, file?.name, { callback: "progress" }],
          { callbacks: { progress }, signal: abort.signal });
      });
      this.#show();
      if (!abort.signal.aborted) byId("bench-progress").value = byId("bench-progress").max;
      session.status("ready");
    } catch (error) {
      session.fail(error, byId("bench-status"));
      if (error.stopped) byId("bench-status").textContent = "Stopped.";
    } finally {
      byId("bench-stop").removeEventListener("click", stop);
      byId("bench-run").disabled = false;
      byId("bench-stop").disabled = true;
    }
  }

  #show() {
    const { json, text, svg, partial } = this.#outcome;
    const report = JSON.parse(json), { ceilings: c, timings, comparison } = report;
    const card = (value, label) => el("div", { class: "card" }, el("b", {}, value), el("span", { class: "muted" }, label));
    byId("bench-ceilings").replaceChildren(
      card(`${short(c.multiply_add * 1e-9)} GFLOP/s`, "multiply-add"),
      card(`${short(c.copy * 1e-9)} GB/s`, "copy"),
      card(`${short(c.read * 1e-9)} GB/s`, "read"),
      ...(c.cache ? [card(`${short(c.cache * 1e-9)} GB/s`, "cache")] : []),
    );
    URL.revokeObjectURL(this.#plot);
    this.#plot = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    byId("bench-plot").replaceChildren(el("img", { src: this.#plot, alt: "Roofline: each kernel below the ceilings of the device", width: 1280, height: 720 }));
    const changes = new Map((comparison?.rows ?? []).map((row) => [`${row.case} ${row.variant}`, row]));
    const changed = (row) => (row?.ratio ? `${row.ratio.value.toFixed(2)} × (${row.verdict})` : "–");
    const row = (t) => {
      const { median } = t, change = changes.get(`${t.case} ${t.variant}`);
      return el("tr", {}, el("td", { class: "path" }, t.case), el("td", {}, t.variant), el("td", { class: "num" }, time(median)),
        el("td", { class: "num" }, t.gflops ? short(t.gflops) : "–"),
        el("td", { class: "num" }, short(t.gbytes)),
        el("td", { class: "num" }, `${short(100 * t.roofline)} %`),
        el("td", { class: "num" }, changed(change)));
    };
    byId("bench-rows").replaceChildren(...timings.map(row));
    byId("bench-status").textContent = `${plural(timings.length, "case")} timed${partial ? ", then stopped" : ""}.`;
    byId("bench-text").textContent = text;
    byId("bench-text-box").hidden = false;
    for (const id of ["bench-json", "bench-svg"]) byId(id).disabled = false;
  }
}
