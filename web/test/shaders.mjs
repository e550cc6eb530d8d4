// Every shader that any device may run, through Chromium's own compiler.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { open, out } from "./browser.mjs";

/** Shaders in a page before it is left: the GPU process does not keep any number of them. */
const PORTION = 100;

async function compile(url, shaders) {
  const { page, close } = await open({ url });
  try {
    return await page.evaluate(async (shaders) => {
      const adapter = await navigator.gpu.requestAdapter();
      const limits = {};
      for (const name of ["maxComputeWorkgroupStorageSize", "maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupSizeX", "maxStorageBuffersPerShaderStage"]) limits[name] = adapter.limits[name];
      const device = await adapter.requestDevice({ requiredFeatures: ["subgroups"], requiredLimits: limits });
      device.onuncapturederror = () => {};
      const wrong = [];
      for (const { file, case: name, code } of shaders) {
        const info = await device.createShaderModule({ code }).getCompilationInfo();
        const error = info.messages.find((message) => message.type === "error");
        if (error) wrong.push(`${file} of ${name}, line ${error.lineNum}: ${error.message.split("\n")[0]}`);
      }
      return wrong;
    }, shaders);
  } finally {
    await close();
  }
}

export const tests = {
  async "every shader without cooperative matrices compiles"(url) {
    const lines = fs.readFileSync(path.join(out, "shaders.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
    const shaders = lines.filter((shader) => !shader.cooperative);
    assert(shaders.length > 300, `only ${shaders.length} shaders`);
    const wrong = [];
    for (let at = 0; at < shaders.length; at += PORTION) wrong.push(...(await compile(url, shaders.slice(at, at + PORTION))));
    assert.deepEqual(wrong, []);
    return `${shaders.length} compiled; ${lines.length - shaders.length} with cooperative matrices are for native devices`;
  },
  async "a wrong shader is refused"(url) {
    const [wrong] = await compile(url, [{ file: "planted", case: "none", code: "fn f() -> u32 { return 1.5; }" }]);
    assert.match(wrong, /planted/);
  },
};
