// make test-web: all tests of the page, or those that are named: node run.mjs shaders detect check faults page
import fs from "node:fs";
import { out, serve } from "./browser.mjs";

const all = ["shaders", "detect", "check", "faults", "page"];
const wanted = process.argv.slice(2).length ? process.argv.slice(2) : all;
fs.mkdirSync(out, { recursive: true });
const server = await serve();
let failed = 0;
try {
  for (const name of wanted) {
    const { tests } = await import(`./${name}.mjs`);
    for (const [words, test] of Object.entries(tests)) {
      const started = Date.now();
      try {
        const told = await test(server.url);
        console.log(`ok    ${name}: ${words} (${((Date.now() - started) / 1000).toFixed(1)} s)${told ? `: ${told}` : ""}`);
      } catch (error) {
        failed += 1;
        console.log(`WRONG ${name}: ${words} (${((Date.now() - started) / 1000).toFixed(1)} s)\n${error.stack}`);
      }
    }
  }
} finally {
  server.close();
}
console.log(failed ? `${failed} failed` : "all passed");
process.exit(failed ? 1 : 0);
