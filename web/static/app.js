// The page: tabs, notices, and its three parts.

import { byId } from "./dom.js";
import { Session } from "./session.js";
import { Detect } from "./detect.js";
import { Check } from "./check.js";
import { Bench } from "./bench.js";

const session = new Session();

/** Tabs by click and by arrow keys; the address remembers which one is open. */
function tabs() {
  const all = [...document.querySelectorAll("[role=tab]")];
  const open = (tab, focus) => {
    for (const other of all) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      byId(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (focus) tab.focus();
    history.replaceState(null, "", `#${tab.id.slice(4)}`);
  };
  all.forEach((tab, at) => {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const to = event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : step && (at + step + all.length) % all.length;
      if (to === undefined) return;
      event.preventDefault();
      open(all[to], true);
    });
  });
  const named = byId(`tab-${location.hash.slice(1)}`);
  if (named) open(named);
}

/** Says so when the page is open twice: both use one GPU and its memory. */
async function otherTabs() {
  if (!navigator.locks) return;
  const watch = new BroadcastChannel("dapo-wgpu");
  const told = () =>
    window.dapo.notice("twice", "This page is open in another tab, too.", "Both work; they share the GPU and its memory, and are slower together.", "note");
  watch.onmessage = ({ data }) => {
    if (data === "here") {
      told();
      watch.postMessage("too");
    } else if (data === "too") told();
    else if (data === "gone") window.dapo.settle("twice");
  };
  watch.postMessage("here");
  addEventListener("pagehide", () => watch.postMessage("gone"));
}

tabs();
if (!window.dapo.lacks()) {
  otherTabs();
  const detect = new Detect(session);
  new Check(session);
  new Bench(session);
  // For tests and the console.
  window.dapo.session = session;
  session
    .work(() => session.open())
    .then(() => detect.prepare())
    .catch((error) => {
      session.fail(error);
      session.status("not available");
      byId("device").textContent = "none";
    });
}
