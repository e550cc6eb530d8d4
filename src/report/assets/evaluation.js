"use strict";
// Threshold and choice of product. Everything was counted beforehand; nothing is computed again.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const [left, top, right, bottom] = data.plot;
  const x = (share) => left + (right - left) * share;
  const y = (share) => bottom - (bottom - top) * share;
  const percent = (part, of) => (of > 0 ? ((100 * part) / of).toFixed(1) : "–");

  const panels = all(".panel");
  const moveMarks = (panel, threshold, flagged) => {
    const group = data.groups[panel.dataset.group];
    const [low, high] = data.range;
    const width = high > low ? high - low : 1;
    const recall = group.defective > 0 ? flagged.found / group.defective : 0;
    const total = flagged.found + flagged.alarms;
    const places = {
      roc: [x(group.good > 0 ? flagged.alarms / group.good : 0), y(recall)],
      pr: [x(recall), y(total > 0 ? flagged.found / total : 1)],
      hist: [x(Math.min(Math.max((threshold - low) / width, 0), 1)), 0],
    };
    for (const mark of all("[data-mark]", panel)) {
      mark.setAttribute("transform", `translate(${places[mark.dataset.mark].join(" ")})`);
    }
  };

  const slider = byId("threshold");
  const rows = [...byId("counts").tBodies[0].rows];
  const update = () => {
    const at = Number(slider.value), threshold = data.thresholds[at];
    byId("threshold-value").textContent = threshold;
    slider.setAttribute("aria-valuetext", threshold);
    data.groups.forEach((group, i) => {
      const alarms = group.false_alarms[at], found = group.found[at];
      const texts = [alarms, group.defective - found, percent(found, found + alarms), percent(found, group.defective)];
      texts.forEach((text, column) => { rows[i].cells[3 + column].textContent = text; });
      moveMarks(panels[i], threshold, { alarms, found });
    });
    const whole = data.groups[0], alarms = whole.false_alarms[at], found = whole.found[at];
    byId("threshold-words").textContent =
      `${alarms} false alarms among ${whole.good} good images, ${whole.defective - found} misses among ` +
      `${whole.defective} defective ones; precision ${percent(found, found + alarms)} %, recall ${percent(found, whole.defective)} %`;
    for (const item of all(".item")) {
      const over = Number(item.dataset.score) >= threshold, defective = item.dataset.defective === "true";
      item.classList.toggle("flag", over);
      item.querySelector(".verdict").textContent =
        defective ? (over ? "found" : "missed") : (over ? "false alarm" : "passed");
    }
  };
  slider.addEventListener("input", update);
  byId("threshold-reset").addEventListener("click", () => { slider.value = data.start; update(); });

  const choice = byId("group");
  const choose = () => panels.forEach((panel, i) => { panel.hidden = i !== Number(choice.value); });
  choice.addEventListener("change", choose);

  // A browser may have kept the controls of an earlier visit.
  update();
  choose();
})();
