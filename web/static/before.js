// Runs where modules may not: says what keeps the page from working.
"use strict";
window.dapo = {
  /** A notice at the top: a heading, and what to do. */
  notice(id, heading, advice, role = "alert") {
    const place = document.getElementById("notices");
    let box = document.getElementById(id);
    if (!box) {
      box = document.createElement("div");
      box.id = id;
      box.className = "notice";
      box.setAttribute("role", role);
      place.append(box);
    }
    const strong = document.createElement("strong"), text = document.createElement("p"), first = document.createElement("p");
    strong.textContent = heading;
    first.append(strong);
    text.textContent = advice;
    box.replaceChildren(first, ...(advice ? [text] : []));
  },
  /** Takes a notice away. */
  settle(id) { document.getElementById(id)?.remove(); },
  /** What the browser lacks: a heading and advice, or null. */
  lacks() {
    if (location.protocol === "file:") {
      return ["Opened as a file, this page cannot load its engine.",
        "Browsers allow modules and workers only from a server. Run “dapo-wgpu web” and open the address that it prints, or put this folder on any static server."];
    }
    if (typeof WebAssembly !== "object") {
      return ["This browser has no WebAssembly.", "Take a current Chrome, Edge, Firefox or Safari, and allow WebAssembly (some hardened modes forbid it)."];
    }
    if (!window.isSecureContext) {
      return ["WebGPU is there for secure pages only.", "Open the page by https, or on this machine as http://127.0.0.1 or http://localhost."];
    }
    if (!("Suspending" in WebAssembly)) {
      return ["This browser has no JavaScript Promise Integration for WebAssembly (JSPI).",
        "The engine waits for the GPU by it. Chrome and Edge have it from version 137 on, Firefox from 153, Safari from 27; update the browser."];
    }
    if (!navigator.gpu) {
      return ["This browser has no WebGPU.",
        "Chrome and Edge have it from version 113 on (on Linux since 144), Firefox from 141, Safari from 26; update the browser, or switch WebGPU on in its settings."];
    }
    return null;
  },
};
addEventListener("DOMContentLoaded", () => {
  const lacks = window.dapo.lacks();
  if (!lacks) return;
  window.dapo.notice("lacks", lacks[0], lacks[1]);
  document.getElementById("engine").textContent = "cannot run in this browser";
  document.getElementById("device").textContent = "—";
});
