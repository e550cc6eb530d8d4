// Headless Chromium with WebGPU on SwiftShader, and the page served by the program itself.
import { spawn, execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const out = path.join(root, "out/web");
export const program = process.env.DAPO_PROGRAM ?? path.join(root, "target/release/dapo-wgpu");

/** Chromium where the system has it. */
function executable() {
  for (const name of [process.env.CHROMIUM, "chromium", "chromium-browser", "google-chrome"].filter(Boolean)) {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`]).toString().trim();
    } catch { /* the next one */ }
  }
  throw new Error("there is no Chromium: on Debian apt-get install chromium");
}

/** `dapo-wgpu web` on any free port. */
export function serve() {
  return new Promise((resolve, reject) => {
    const server = spawn(program, ["web", "--port", "0", "--dir", path.join(root, "web/dist")]);
    server.stdout.once("data", (line) => resolve({ url: line.toString().trim(), close: () => server.kill() }));
    server.stderr.on("data", (line) => /error/.test(line) && reject(new Error(line.toString())));
    server.on("error", reject);
  });
}

/** What is launched differently from test to test. */
export async function open({ url, width = 1280, height = 900, dark = false, args = [], webgpu = true, before = null } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "dapo-web-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: executable(),
    headless: true,
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    // Playwright's own list switches off features that the test needs.
    ignoreDefaultArgs: ["--disable-features"],
    args: [
      "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-gpu-watchdog",
      ...(webgpu ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] : ["--disable-features=WebGPU"]),
      ...args,
    ],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const errors = [];
  page.on("pageerror", (error) => errors.push(`${error.message}\n${error.stack ?? ""}`));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  if (before) await before(page, context);
  if (url) await page.goto(url);
  return {
    page, context, errors,
    /** Ends the process that holds the device, as a driver's fault does. */
    crashDevice: () => {
      const lines = execFileSync("ps", ["-eo", "pid,args"]).toString().split("\n");
      const line = lines.find((line) => line.includes("--type=gpu-process") && line.includes(folder));
      if (!line) throw new Error("there is no process of the GPU");
      process.kill(Number.parseInt(line, 10), "SIGKILL");
    },
    close: async () => {
      await context.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until the status of the engine is this. */
export const engineIs = (page, text, timeout = 120000) =>
  page.waitForFunction((text) => document.getElementById("engine").textContent === text, text, { timeout });

/** The numbers of a file of NumPy, float32. */
export function npy(file) {
  const bytes = fs.readFileSync(file);
  const length = bytes.readUInt16LE(8);
  const data = bytes.subarray(10 + length);
  return new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
}
