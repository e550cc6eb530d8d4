// What the page detects, against what the program detects natively.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { engineIs, npy, open, out, program, root } from "./browser.mjs";

const samples = path.join(root, "docs/samples");
/** Scores and maps of two devices differ by rounding. */
const NEAR = 1e-5;

/** Results and maps of the program for the sample photos. */
function native() {
  const folder = path.join(out, "native");
  fs.rmSync(folder, { recursive: true, force: true });
  execFileSync(program, ["detect", samples, "--out", folder, "--save-maps", "--no-overlays"], { stdio: "pipe", env: { ...process.env, NODEVICE_SELECT: "1" } });
  return { folder, results: JSON.parse(fs.readFileSync(path.join(folder, "results.json"))) };
}

async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return fs.readFileSync(await download.path(), "utf8");
}

export const tests = {
  async "scores, boxes and maps agree with the program"(url) {
    const { folder, results } = native();
    const { page, errors, close } = await open({ url });
    try {
      await engineIs(page, "ready");
      let worst = 0, cells = 0;
      const first = [];
      for (const image of results.images) {
        const name = path.basename(image.path);
        const bytes = [...fs.readFileSync(path.join(samples, name))];
        const started = Date.now();
        const found = await page.evaluate(async ([name, bytes]) => {
          const outcome = await window.dapo.session.engine.call("detect", [name, new Uint8Array(bytes)]);
          return { ...outcome, pictures: null, map: [...outcome.map] };
        }, [name, bytes]);
        first.push((Date.now() - started) / 1000);
        assert.equal(found.result.type, image.type, name);
        assert.equal(found.result.boxes.length, image.boxes.length, name);
        worst = Math.max(worst, Math.abs(found.result.score - image.score));
        for (const [type, value] of Object.entries(image.probabilities)) worst = Math.max(worst, Math.abs(found.result.probabilities[type] - value));
        const map = npy(path.join(folder, "maps", name.replace(/\.png$/, "") + ".binary.npy"));
        assert.equal(map.length, found.map.length);
        found.map.forEach((value, at) => { worst = Math.max(worst, Math.abs(value - map[at])); });
        cells += map.length;
      }
      assert(worst <= NEAR, `the largest difference is ${worst}`);
      assert.deepEqual(errors, []);
      return `${results.images.length} photos, ${cells} cells of maps, largest difference ${worst.toExponential(1)}; first ${first[0].toFixed(2)} s, later at most ${Math.max(...first.slice(1)).toFixed(2)} s`;
    } finally {
      await close();
    }
  },

  async "the page offers the documents of the program"(url) {
    const { results } = native();
    const { page, errors, close } = await open({ url });
    try {
      const names = ["bottle_broken.png", "wood_good.png", "pill_crack.png"];
      await page.setInputFiles("#photos", names.map((name) => path.join(samples, name)));
      await page.waitForFunction(() => /^3 photos in/.test(document.getElementById("detect-status").textContent), null, { timeout: 180000 });
      const found = JSON.parse(await saved(page, "#save-results"));
      assert.equal(found.schema, results.schema);
      // What may be absent where there is nothing to say.
      const always = (all) => Object.keys(all).filter((key) => !["left_out", "written", "notes"].includes(key)).sort();
      assert.deepEqual(always(found), always(results));
      assert.deepEqual(found.images.map((image) => image.path), names);
      const verdicts = new Map(results.images.map((image) => [path.basename(image.path), image.verdict]));
      for (const image of found.images) assert.equal(image.verdict, verdicts.get(image.path));
      assert.match(found.adapter.name, /swiftshader/i);
      assert.equal(found.adapter.software, true);
      const report = await saved(page, "#save-report");
      assert.match(report, /<h1>\d of 3 images of object defective<\/h1>/);
      assert.match(report, /software on the CPU, not a GPU/);
      fs.writeFileSync(path.join(out, "report.html"), report);
      assert.deepEqual(errors, []);
    } finally {
      await close();
    }
  },

  async "good photos are compared with, another question is asked"(url) {
    const { page, errors, close } = await open({ url });
    try {
      await engineIs(page, "ready");
      await page.fill("#object", "wood");
      await page.fill("#defects", "hole, scratch");
      await page.click("#ask");
      await page.setInputFiles("#photos", [path.join(samples, "wood_good.png"), path.join(samples, "leather_good.png")]);
      await page.waitForFunction(() => /^2 photos in/.test(document.getElementById("detect-status").textContent), null, { timeout: 180000 });
      await page.click("#good-box summary");
      await page.setInputFiles("#good", [path.join(samples, "wood_good.png")]);
      await page.waitForFunction(() => document.getElementById("good-count").textContent === "1" && /^2 photos in/.test(document.getElementById("detect-status").textContent), null, { timeout: 180000 });
      const found = JSON.parse(await saved(page, "#save-results"));
      assert.equal(found.settings.good_photos, 1);
      assert.deepEqual([found.object, found.defects], ["wood", ["hole", "scratch"]]);
      assert(found.images.every((image) => image.evidence), "each image says what words and photos say alone");
      assert.deepEqual(errors, []);
    } finally {
      await close();
    }
  },

  async "the page answers while the engine works"(url) {
    const { page, close } = await open({ url });
    try {
      await page.setInputFiles("#photos", [path.join(samples, "wood_good.png")]);
      // From here the model is loaded and the photo looked at; the page ticks meanwhile.
      const gaps = await page.evaluate(async () => {
        let last = performance.now();
        const gaps = [];
        const done = () => /^1 photo in/.test(document.getElementById("detect-status").textContent);
        while (!done()) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          gaps.push(performance.now() - last);
          last = performance.now();
        }
        return gaps.sort((a, b) => a - b);
      });
      // Other programs of the machine may take the processor now and then: that is not the page's.
      const usual = gaps[Math.floor(0.99 * gaps.length)], longest = gaps.at(-1);
      assert(usual < 100 && longest < 1000, `the page did not answer for ${usual} ms, at most ${longest} ms`);
      return `99 of 100 answers within ${Math.round(usual)} ms, the last within ${Math.round(longest)} ms`;
    } finally {
      await close();
    }
  },
};
