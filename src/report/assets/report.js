"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // Sorting: numbers start with the largest, texts with the first letter; a second click turns the order round.
  const body = byId("table").tBodies[0];
  for (const button of all("th button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th"), key = button.dataset.key, numeric = head.classList.contains("num");
      const now = head.getAttribute("aria-sort");
      const order = now ? (now === "ascending" ? "descending" : "ascending") : (numeric ? "descending" : "ascending");
      for (const other of all("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const value = (row) => row.dataset[key];
      const compare = numeric
        ? (a, b) => value(a) - value(b)
        : (a, b) => value(a).localeCompare(value(b), undefined, { numeric: true });
      body.append(...all("tr", body).sort((a, b) => sign * compare(a, b)));
    });
  }

  // Threshold: a reading aid on this page only, nothing is computed again.
  const flag = byId("flag"), show = byId("show");
  const filter = () => {
    for (const element of all("[data-score]")) {
      const over = element.classList.contains("flag"), wanted = show.value;
      const shown = wanted === "" || (wanted === "good" ? !over : over && (wanted === "flag" || wanted === `type:${element.dataset.type}`));
      element.hidden = !shown;
    }
  };
  show.addEventListener("change", filter);
  flag.addEventListener("input", () => {
    const threshold = Number(flag.value);
    let count = 0;
    for (const element of all("[data-score]")) {
      const over = Number(element.dataset.score) >= threshold;
      element.classList.toggle("flag", over);
      element.querySelector(".verdict").textContent = over ? "defective" : "good";
      if (over && element.tagName === "TR") count += 1;
    }
    filter();
    all(".hist i").forEach((bar, i, bars) => bar.classList.toggle("flag", (i + 0.5) / bars.length >= threshold));
    byId("flag-value").textContent = threshold.toFixed(2);
    byId("flag-count").textContent = `${count} of ${body.rows.length} defective`;
  });

  // Boxes of all pictures at once.
  const boxes = byId("boxes-all");
  boxes.addEventListener("click", () => {
    const shown = boxes.getAttribute("aria-pressed") !== "true";
    boxes.setAttribute("aria-pressed", String(shown));
    byId("images").classList.toggle("no-boxes", !shown);
  });
})();
