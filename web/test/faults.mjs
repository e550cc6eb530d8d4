// What may go wrong: each has its own clear state, and nothing hangs.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";
import { engineIs, open, root } from "./browser.mjs";

const samples = path.join(root, "docs/samples");
const photo = path.join(samples, "pill_crack.png");
const done = (page, count, timeout = 180000) =>
  page.waitForFunction((count) => document.getElementById("detect-status").textContent.startsWith(`${count} photo`) && document.getElementById("detect-stop").disabled, count, { timeout });
const notices = (page) => page.$eval("#notices", (place) => place.textContent);

/** A gray PNG of one value. */
function png(width, height) {
  const table = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0; });
  const crc = (bytes) => { let c = 0xffffffff; for (const byte of bytes) c = table[(c ^ byte) & 255] ^ (c >>> 8); return (c ^ 0xffffffff) >>> 0; };
  const chunk = (kind, body) => {
    const content = Buffer.concat([Buffer.from(kind), body]), head = Buffer.alloc(4), tail = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    tail.writeUInt32BE(crc(content));
    return Buffer.concat([head, content, tail]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.alloc(1 + 3 * width, 127);
  row[0] = 0;
  const pixels = zlib.deflateSync(Buffer.concat(Array(height).fill(row)), { level: 1 });
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

async function with_page(options, test) {
  const opened = await open(options);
  try {
    return await test(opened.page, opened);
  } finally {
    await opened.close();
  }
}

export const tests = {
  "no call that is suspended takes room on WebAssembly's stack"() {
    const glue = fs.readFileSync(path.join(root, "web/dist/engine/dapo_wgpu_web.js"), "utf8");
    const suspended = glue.split("export ").filter((part) => part.includes("WebAssembly.promising(wasm.") && part.startsWith("async function"));
    assert(suspended.length >= 6);
    for (const part of suspended) assert(!part.includes("retptr"), part.slice(0, 60));
  },
  "without WebGPU the page says so": (url) =>
    with_page({ url, before: (page) => page.addInitScript(() => { Object.defineProperty(Navigator.prototype, "gpu", { get: () => undefined }); }) }, async (page) => {
      assert.match(await notices(page), /no WebGPU.*Chrome and Edge have it/s);
      assert.equal(await page.textContent("#engine"), "cannot run in this browser");
    }),
  "without JSPI the page says so": (url) =>
    with_page({ url, before: (page) => page.addInitScript(() => { delete WebAssembly.Suspending; }) }, async (page) => {
      assert.match(await notices(page), /JSPI.*137/s);
    }),
  "without an adapter the page says so": (url) =>
    with_page({ url, args: ["--use-webgpu-adapter=default", "--disable-gpu", "--disable-software-rasterizer"] }, async (page) => {
      await engineIs(page, "not available");
      assert.match(await notices(page), /adapter.*driver/s);
    }),
  "a lost device is opened again, and the photo looked at": (url) =>
    with_page({ url }, async (page) => {
      await page.setInputFiles("#photos", [photo]);
      await done(page, 1);
      await page.evaluate(() => window.dapo.session.engine.closeDevice());
      await page.setInputFiles("#photos", [path.join(samples, "wood_good.png")]);
      await done(page, 2);
      assert.match(await notices(page), /device was lost/);
      // The result from before the loss is still there.
      const documents = await page.evaluate(() => window.dapo.session.engine.call("documents", [false]));
      assert.equal(JSON.parse(documents.results).images.length, 2);
    }),
  "a device that is lost in the middle is opened again": (url) =>
    with_page({ url }, async (page) => {
      await engineIs(page, "ready");
      await page.setInputFiles("#photos", [photo, path.join(samples, "wood_good.png")]);
      await page.evaluate(() => new Promise((resolve) => setTimeout(() => { window.dapo.session.engine.closeDevice(); resolve(); }, 60)));
      await done(page, 2);
      assert.equal(await page.$$eval("#list tbody tr", (rows) => rows.filter((row) => /waiting|read/.test(row.textContent)).length), 0);
    }),
  "an engine that ended is started again": (url) =>
    with_page({ url }, async (page) => {
      await page.setInputFiles("#photos", [photo]);
      await done(page, 1);
      // A call of no export: the worker answers with an error, and goes on.
      const message = await page.evaluate(() => window.dapo.session.engine.call("nothing").catch((error) => error.message));
      assert.match(message, /not a function/);
      await page.setInputFiles("#photos", [photo]);
      await done(page, 2);
    }),
  "broken files, HEIC and others have a reason each": (url) =>
    with_page({ url }, async (page) => {
      const whole = fs.readFileSync(photo);
      const heic = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from("ftypheic"), Buffer.alloc(200)]);
      await page.setInputFiles("#photos", [
        { name: "cut.png", mimeType: "image/png", buffer: whole.subarray(0, whole.length / 2) },
        { name: "phone.heic", mimeType: "image/heic", buffer: heic },
        { name: "text.png", mimeType: "image/png", buffer: Buffer.from("no picture at all, only words") },
        { name: "empty.png", mimeType: "image/png", buffer: Buffer.alloc(0) },
        { name: "right.png", mimeType: "image/png", buffer: whole },
      ]);
      await done(page, 5);
      const reasons = [];
      for (let row = 0; row < 4; row++) {
        await page.click(`#list tbody tr:nth-child(${row + 1}) button`);
        reasons.push(await page.textContent("#detail .view"));
      }
      assert.match(reasons[1], /HEIC.*JPEG or PNG/s);
      for (const reason of reasons) assert.match(reason, /could not be looked at/);
      assert.match(await page.textContent("#list tbody tr:nth-child(5)"), /\d\.\d{3}/);
      assert.match(await page.textContent("#detect-status"), /4 could not be read/);
      return reasons.map((reason) => reason.replace("It could not be looked at.", "").trim()).join(" | ");
    }),
  "a photo of 12,000 × 9,000 is looked at": (url) =>
    with_page({ url }, async (page) => {
      await engineIs(page, "ready");
      const started = Date.now();
      const file = path.join(fs.mkdtempSync("/tmp/dapo-large-"), "large.png");
      fs.writeFileSync(file, png(12000, 9000));
      await page.setInputFiles("#photos", [file]);
      await done(page, 1, 240000);
      fs.rmSync(path.dirname(file), { recursive: true });
      const text = await page.textContent("#detail");
      assert.match(text, /12000 × 9000|could not be looked at/);
      return `${((Date.now() - started) / 1000).toFixed(1)} s: ${text.slice(0, 90)}`;
    }),
  "two tabs work, and each is told of the other": (url) =>
    with_page({ url }, async (page, { context }) => {
      const second = await context.newPage();
      await second.goto(url);
      await Promise.all([page, second].map((tab) => tab.setInputFiles("#photos", [photo])));
      await Promise.all([page, second].map((tab) => done(tab, 1)));
      for (const tab of [page, second]) assert.match(await notices(tab), /another tab/);
    }),
  "a reload in the middle starts anew": (url) =>
    with_page({ url }, async (page) => {
      await page.setInputFiles("#photos", [photo]);
      await page.waitForTimeout(500);
      await page.reload();
      await engineIs(page, "ready");
      await page.setInputFiles("#photos", [photo]);
      await done(page, 1);
    }),
  "names that cannot be looked for are refused": (url) =>
    with_page({ url }, async (page) => {
      await engineIs(page, "ready");
      await page.fill("#defects", "scratch, scratch");
      await page.click("#ask");
      await page.waitForFunction(() => /twice/.test(document.getElementById("notices").textContent));
      await page.fill("#defects", "scratch, hole");
      await page.click("#ask");
      await page.setInputFiles("#photos", [photo]);
      await done(page, 1);
    }),
  "a model of files is described, loaded and used": (url) =>
    with_page({ url }, async (page) => {
      await engineIs(page, "ready");
      const folder = path.join(root, "weights/dapo-nano");
      await page.click("#model-box summary");
      await page.setInputFiles("#model-files", ["config.json", "tokenizer.json"].map((name) => path.join(folder, name)));
      await page.waitForFunction(() => /safetensors/.test(document.getElementById("model-needs").textContent));
      await page.setInputFiles("#model-files", ["config.json", "tokenizer.json", "model.safetensors"].map((name) => path.join(folder, name)));
      await page.waitForFunction(() => /million parameters/.test(document.getElementById("model-needs").textContent));
      const needs = await page.textContent("#model-needs p");
      await page.click("#model-needs button");
      await page.waitForFunction(() => document.getElementById("model-name").textContent === "my-model", null, { timeout: 120000 });
      await page.setInputFiles("#photos", [photo]);
      await done(page, 1);
      return needs;
    }),
};
