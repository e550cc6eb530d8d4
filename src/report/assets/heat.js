"use strict";
// Heat maps: each picture by itself, and all at once.
(() => {
  const items = [...document.querySelectorAll(".item")];
  const setOpacity = (item, percent) => {
    item.querySelector(".heat").style.opacity = percent / 100;
    item.querySelector("input").value = percent;
    item.querySelector(".toggle").setAttribute("aria-pressed", String(percent > 0));
  };
  for (const item of items) {
    const slider = item.querySelector("input");
    let last = 75;
    slider.addEventListener("input", () => setOpacity(item, Number(slider.value)));
    item.querySelector(".toggle").addEventListener("click", () => {
      const percent = Number(slider.value);
      if (percent > 0) last = percent;
      setOpacity(item, percent > 0 ? 0 : last);
    });
  }
  const everywhere = document.getElementById("opacity-all");
  everywhere.addEventListener("input", () => items.forEach((item) => setOpacity(item, Number(everywhere.value))));
})();
