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

/** Makes pipelines, one after the other: the seconds that the slowest took, and its name. */
async function pipelines(url, shaders) {
  const { page, close } = await open({ url });
  try {
    return await page.evaluate(async (shaders) => {
      const adapter = await navigator.gpu.requestAdapter();
      const device = await adapter.requestDevice({ requiredFeatures: ["subgroups"] });
      let slowest = { seconds: 0, name: "" };
      for (const { file, case: name, code } of shaders) {
        const started = performance.now();
        const module = device.createShaderModule({ code });
        await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
        const seconds = (performance.now() - started) / 1000;
        if (seconds > slowest.seconds) slowest = { seconds, name: `${file} of ${name}` };
      }
      return slowest;
    }, shaders);
  } finally {
    await close();
  }
}

export const tests = {
  async "lists of the nearest rows do not take the compiler minutes and gigabytes"(url) {
    const lines = fs.readFileSync(path.join(out, "shaders.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
    const shaders = lines.filter((shader) => /^nearest_/.test(shader.file));
    assert(shaders.length > 20, `only ${shaders.length} shaders`);
    const { seconds, name } = await pipelines(url, shaders);
    // Seconds on two cores of a CPU; with branches in the lists it ran out of memory after minutes.
    assert(seconds < 60, `${name} took ${seconds.toFixed(0)} s`);
    return `${shaders.length} pipelines, the slowest in ${seconds.toFixed(1)} s: ${name}`;
  },
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
