// The page itself: widths, dark and light, keyboard, no network, no layout shift. Screenshots lie in out/web.
import assert from "node:assert/strict";
import path from "node:path";
import { engineIs, open, out, root } from "./browser.mjs";

const samples = path.join(root, "docs/samples");
const photos = ["bottle_broken.png", "leather_good.png", "magnetic_tile_crack.png", "metal_nut_contamination.png", "woven_fabric_thread.png"];
const shot = (page, name) => page.screenshot({ path: path.join(out, `${name}.png`), fullPage: true });
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

async function tour(url, name, options) {
  const { page, errors, close } = await open({ url, ...options });
  try {
    await shot(page, `${name}-start`);
    await page.setInputFiles("#photos", photos.map((photo) => path.join(samples, photo)));
    await page.waitForFunction(() => /^5 photos in/.test(document.getElementById("detect-status").textContent), null, { timeout: 180000 });
    await page.click("#list tbody tr:nth-child(1) button");
    assert(await fits(page), "detect is wider than the window");
    await shot(page, `${name}-detect`);
    await page.click("#detail .tools button:last-child");
    assert.equal(await page.isVisible("#detail .plain"), true);
    assert(await fits(page), "two pictures are wider than the window");
    await page.locator("#detail").screenshot({ path: path.join(out, `${name}-beside.png`) });
    await page.click("#tab-check");
    await page.fill("#check-cases", "softmax;layernorm");
    await page.click("#check-run");
    await page.waitForFunction(() => document.getElementById("check-verdict").textContent, null, { timeout: 180000 });
    assert(await fits(page), "check is wider than the window");
    await shot(page, `${name}-check`);
    await page.click("#tab-bench");
    await page.fill("#bench-cases", "softmax");
    await page.selectOption("#bench-repeat", "3");
    await page.click("#bench-run");
    await page.waitForFunction(() => !document.getElementById("bench-json").disabled, null, { timeout: 300000 });
    assert(await fits(page), "bench is wider than the window");
    await shot(page, `${name}-bench`);
    assert.deepEqual(errors, []);
  } finally {
    await close();
  }
}

export const tests = {
  "desk, light": (url) => tour(url, "desk-light", { width: 1280, height: 900 }),
  "phone, dark": (url) => tour(url, "phone-dark", { width: 390, height: 844, dark: true }),
  async "desk, dark, and phone, light"(url) {
    for (const [name, options] of [["desk-dark", { dark: true }], ["phone-light", { width: 390, height: 844 }]]) {
      const { page, close } = await open({ url, ...options });
      await page.setInputFiles("#photos", photos.map((photo) => path.join(samples, photo)));
      await page.waitForFunction(() => /^5 photos in/.test(document.getElementById("detect-status").textContent), null, { timeout: 180000 });
      assert(await fits(page));
      await shot(page, `${name}-detect`);
      await close();
    }
  },
  async "the keyboard reaches everything, and labels are there"(url) {
    const { page, close } = await open({ url });
    try {
      await engineIs(page, "ready");
      await page.focus("#tab-detect");
      await page.keyboard.press("ArrowRight");
      assert.equal(await page.evaluate(() => document.activeElement.id), "tab-check");
      assert.equal(await page.isVisible("#panel-check"), true);
      await page.keyboard.press("End");
      assert.equal(await page.evaluate(() => document.activeElement.id), "tab-bench");
      await page.keyboard.press("Home");
      const nameless = await page.$$eval("button, input, select, [role=region]", (all) => all
        .filter((e) => !(e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim()))
        .map((e) => e.outerHTML.slice(0, 80)));
      assert.deepEqual(nameless, []);
      // Every control in reach: tab through the open part.
      const reached = new Set();
      await page.focus("#tab-detect");
      for (let i = 0; i < 25; i++) {
        await page.keyboard.press("Tab");
        reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.className));
      }
      for (const id of ["object", "defects", "ask", "photos", "camera"]) assert(reached.has(id), `${id} is not reached by Tab`);
    } finally {
      await close();
    }
  },
  async "nothing moves while the engine and the photos load"(url) {
    const { page, close } = await open({ before: (page) => page.addInitScript(() => {
      window.shift = 0;
      window.moved = [];
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
          window.shift += entry.value;
          window.moved.push(...entry.sources.map((source) => source.node?.id || source.node?.className || source.node?.nodeName));
        }
      }).observe({ type: "layout-shift", buffered: true });
    }) });
    try {
      await page.goto(url);
      await page.setInputFiles("#photos", [path.join(samples, photos[0])]);
      await page.waitForFunction(() => /^1 photo in/.test(document.getElementById("detect-status").textContent), null, { timeout: 180000 });
      const [shift, moved] = await page.evaluate(() => [window.shift, window.moved]);
      assert(shift < 0.05, `the layout shifts by ${shift}: ${moved}`);
      return `cumulative layout shift ${shift.toFixed(4)}`;
    } finally {
      await close();
    }
  },
  async "nothing is loaded from elsewhere, and nothing after the start"(url) {
    const asked = [];
    const { page, close } = await open({ before: (page) => page.on("request", (request) => asked.push(request.url())) });
    try {
      await page.goto(url);
      await engineIs(page, "ready");
      const before = asked.length;
      await page.setInputFiles("#photos", [path.join(samples, photos[0])]);
      await page.waitForFunction(() => /^1 photo in/.test(document.getElementById("detect-status").textContent), null, { timeout: 180000 });
      const outside = asked.filter((address) => !address.startsWith(url) && !/^(data|blob):/.test(address));
      assert.deepEqual(outside, []);
      assert.deepEqual(asked.slice(before).filter((address) => !/^(data|blob):/.test(address)), []);
      return `${new Set(asked.filter((a) => a.startsWith(url))).size} files of the page`;
    } finally {
      await close();
    }
  },
};
