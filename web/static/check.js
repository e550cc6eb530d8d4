// The part "Check": conformance, with live verdicts.

import { byId, download, el, plural, short } from "./dom.js";

export class Check {
  #session;
  #outcome = null;

  constructor(session) {
    this.#session = session;
    byId("check-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run();
    });
    byId("check-json").addEventListener("click", () => download("check.json", this.#outcome.json, "application/json"));
    byId("check-copy").addEventListener("click", () => this.#copy());
  }

  #kernels(kernels) {
    const row = ({ kernel, cases, runs, failed, worst }) =>
      el("tr", {}, el("td", {}, kernel),
        el("td", {}, failed ? el("strong", { class: "wrong" }, "wrong") : "right"),
        el("td", { class: "num" }, String(cases)), el("td", { class: "num" }, String(runs)),
        el("td", { class: "num" }, String(failed)), el("td", { class: "num" }, short(worst)));
    byId("check-kernels").replaceChildren(...kernels.map(row));
  }

  async #run() {
    const session = this.#session, abort = new AbortController();
    const cases = byId("check-cases").value.split(";").map((text) => text.trim()).filter(Boolean);
    const stop = () => { abort.abort(); byId("check-status").textContent = "stopping …"; };
    let underWay = null;
    const progress = (done, all, what) => {
      underWay = { done, what };
      byId("check-progress").max = all;
      byId("check-progress").value = done;
      if (!abort.signal.aborted) byId("check-status").textContent = `${done} of ${plural(all, "case")}: ${what}`;
    };
    byId("check-stop").addEventListener("click", stop);
    byId("check-run").disabled = true;
    byId("check-stop").disabled = false;
    for (const id of ["check-json", "check-copy"]) byId(id).disabled = true;
    byId("check-verdict").textContent = "";
    byId("check-kernels").replaceChildren();
    byId("check-text-box").hidden = true;
    try {
      this.#outcome = await session.work(async () => {
        await session.open();
        session.status("checking …");
        try {
          return await session.engine.call("check", [cases, byId("check-full").checked, { callback: "progress" }, { callback: "verdict" }],
            { callbacks: { progress, verdict: (kernels) => this.#kernels(kernels) }, signal: abort.signal });
        } catch (error) {
          throw Check.#endedBy(error, underWay);
        }
      });
      this.#show();
      if (!abort.signal.aborted) byId("check-progress").value = byId("check-progress").max;
      session.status("ready");
    } catch (error) {
      session.fail(error, byId("check-status"));
      if (error.stopped) byId("check-status").textContent = "Stopped.";
    } finally {
      byId("check-stop").removeEventListener("click", stop);
      byId("check-run").disabled = false;
      byId("check-stop").disabled = true;
    }
  }

  /** A case that takes the device away is what was looked for: it is named, and not tried again with all before it. */
  static #endedBy(error, underWay) {
    if (!underWay?.done || !(error.lost || error.fatal)) return error;
    const message = `${error.message.replace(/\.$/, "")}, while the case was checked: ${underWay.what}`;
    const hint = "cases can be chosen above by parts of their names; report this one to the vendor of the driver, and to us";
    return Object.assign(new Error(message), { lost: error.lost, fatal: error.fatal, hint });
  }

  #show() {
    const { passed, partial, runs, failed, seconds, kernels, text } = this.#outcome;
    this.#kernels(kernels);
    const verdict = byId("check-verdict");
    verdict.classList.toggle("bad", failed > 0);
    verdict.textContent = failed
      ? `Wrong: ${failed} of ${plural(runs, "run")}. Send check.json to the vendor of the driver, and to us.`
      : passed ? `Passed: all of ${plural(runs, "run")} are right.` : partial ? `None of ${plural(runs, "run")} is wrong, but not all were made.` : "Nothing ran.";
    byId("check-status").textContent = `${plural(runs, "run")} in ${seconds.toFixed(1)} s`;
    byId("check-text").textContent = this.#text(text);
    byId("check-text-box").hidden = false;
    for (const id of ["check-json", "check-copy"]) byId(id).disabled = false;
  }

  /** With the browser, which is half of the driver here. */
  #text(text) {
    return `browser: ${navigator.userAgent}\n${text}`;
  }

  async #copy() {
    // A bug report wants what is wrong, and not every line that is right.
    const lines = this.#text(this.#outcome.text).split("\n");
    const told = lines.filter((line) => !/^ok /.test(line) && !/not run for/.test(line)).join("\n");
    try {
      await navigator.clipboard.writeText(told);
      byId("check-status").textContent = "Copied.";
    } catch {
      byId("check-text-box").open = true;
      byId("check-status").textContent = "The browser forbids copying: select the text below.";
    }
  }
}
