// The conformance suite in the browser, on the engine as it is and with a planted mistake.
import assert from "node:assert/strict";
import fs from "node:fs";
import { engineIs, open } from "./browser.mjs";

/** Waits until a check has ended, with a verdict or without. */
const ran = (page, timeout) => page.waitForFunction(() => !document.getElementById("check-run").disabled, null, { timeout });

/** Workers with this script ahead of their own. */
const plant = (script) => (page) =>
  page.route("**/worker.js", async (route) => {
    const response = await route.fetch();
    // Imports stand first and run first; the device is opened later.
    await route.fulfill({ response, body: `${await response.text()}\n${script}` });
  });

export const tests = {
  async "the small tier passes"(url) {
    const { page, errors, close } = await open({ url: `${url}#check` });
    try {
      await engineIs(page, "ready");
      if (process.env.DAPO_CASE) await page.fill("#check-cases", process.env.DAPO_CASE);
      await page.click("#check-run");
      await ran(page, 3600000).catch(async (error) => {
        throw new Error(`${error.message}; ${await page.textContent("#check-status")}`);
      });
      const verdict = await page.textContent("#check-verdict");
      assert.ok(verdict, await page.textContent("#check-status"));
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("#check-json")]);
      const report = JSON.parse(fs.readFileSync(await download.path(), "utf8"));
      assert.equal(report.schema, "dapo-wgpu/check/1");
      assert.equal(report.passed, true, verdict);
      assert.match(verdict, /^Passed/);
      assert.match(await page.textContent("#check-text"), /browser: .*Chrome/);
      assert.deepEqual(errors, []);
      return `${report.outcomes.length} runs of ${report.cases} cases in ${report.seconds.toFixed(0)} s`;
    } finally {
      await close();
    }
  },

  async "a case that takes the device away is named"(url) {
    const { page, crashDevice, close } = await open({ url: `${url}#check` });
    try {
      await engineIs(page, "ready");
      await page.click("#check-run");
      await page.waitForFunction(() => /^[1-9]\d* of /.test(document.getElementById("check-status").textContent), null, { timeout: 120000 });
      crashDevice();
      await ran(page, 120000);
      const status = await page.textContent("#check-status");
      assert.match(status, /, while the case was checked: \w+ .* — cases can be chosen/);
      assert.equal(await page.textContent("#check-verdict"), "");
      // The page goes on with a new device.
      await page.fill("#check-cases", "softmax f32");
      await page.click("#check-run");
      await ran(page, 300000);
      assert.match(await page.textContent("#check-verdict"), /^Passed/);
      return status.split(" — ")[0];
    } finally {
      await close();
    }
  },

  async "a planted mistake is found"(url) {
    // Probabilities of a row that sum to 0.999.
    const script = `const create = GPUDevice.prototype.createShaderModule;
      GPUDevice.prototype.createShaderModule = function (descriptor) {
        const code = descriptor.label === "softmax.wgsl" ? descriptor.code.replace("/= total", "/= 1.001 * total") : descriptor.code;
        return create.call(this, { ...descriptor, code });
      };`;
    const { page, close } = await open({ url: `${url}#check`, before: plant(script) });
    try {
      await engineIs(page, "ready");
      await page.fill("#check-cases", "softmax");
      await page.click("#check-run");
      await ran(page, 300000);
      assert.match(await page.textContent("#check-verdict"), /^Wrong/);
      assert.match(await page.textContent("#check-kernels"), /softmax\s*wrong/);
      return (await page.textContent("#check-verdict")).split(".")[0];
    } finally {
      await close();
    }
  },

  async "a check ends when asked to"(url) {
    const { page, close } = await open({ url: `${url}#check` });
    try {
      await engineIs(page, "ready");
      await page.click("#check-run");
      await page.waitForFunction(() => document.getElementById("check-kernels").rows.length > 0, null, { timeout: 300000 });
      const started = Date.now();
      await page.click("#check-stop");
      await ran(page, 60000);
      assert.match(await page.textContent("#check-verdict"), /not all were made/);
      return `${Date.now() - started} ms after the click`;
    } finally {
      await close();
    }
  },
};
