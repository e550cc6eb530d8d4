// The card of one photo: picture, heat map and boxes above each other, as in the report.

import { el, plural } from "./dom.js";

/** Opacity of the heat map in per cent, and whether the photo is shown beside it; they stay from one photo to the next. */
let opacity = 75;
let beside = false;

const percent = (at, of) => `${((100 * at) / Math.max(of, 1)).toFixed(2)}%`;

const mark = (box, image) =>
  el("div", { class: "box", title: `${box.type} ${box.score.toFixed(3)}`,
    style: `left:${percent(box.x, image.width)};top:${percent(box.y, image.height)};width:${percent(box.width, image.width)};height:${percent(box.height, image.height)}` });

function view(image, pictures) {
  const [width, height] = pictures.size;
  const heat = el("img", { class: "heat", src: pictures.heat, alt: "", style: `opacity:${opacity / 100}` });
  const slider = el("input", { type: "range", min: 0, max: 100, value: opacity, "aria-label": "Opacity of the heat map" });
  const toggle = el("button", { class: "toggle", type: "button", "aria-pressed": String(opacity > 0) }, "Heat map");
  const boxes = el("button", { class: "toggle", type: "button", "aria-pressed": "true" }, "Boxes");
  let last = opacity || 75;
  const set = (value) => {
    opacity = value;
    heat.style.opacity = value / 100;
    slider.value = value;
    toggle.setAttribute("aria-pressed", String(value > 0));
  };
  slider.addEventListener("input", () => set(Number(slider.value)));
  toggle.addEventListener("click", () => {
    if (opacity > 0) last = opacity;
    set(opacity > 0 ? 0 : last);
  });
  const flag = image.score >= 0.5;
  const stage = el("div", { class: "stage", style: `--aspect:${(width / Math.max(height, 1)).toFixed(4)}` },
    el("img", { src: pictures.thumbnail, width, height, alt: `${image.path}: ${flag ? image.type : "good"}, ${image.score.toFixed(2)}` }), heat, ...image.boxes.map((box) => mark(box, image)));
  boxes.addEventListener("click", () => {
    const shown = boxes.getAttribute("aria-pressed") !== "true";
    boxes.setAttribute("aria-pressed", String(shown));
    stage.classList.toggle("no-boxes", !shown);
  });
  const plain = el("div", { class: "stage plain", style: stage.style.cssText }, el("img", { src: pictures.thumbnail, width, height, alt: "" }));
  const place = el("div", { class: `view${beside ? " beside" : ""}` }, plain, stage);
  const both = el("button", { class: "toggle", type: "button", "aria-pressed": String(beside) }, "Side by side");
  both.addEventListener("click", () => {
    beside = !beside;
    both.setAttribute("aria-pressed", String(beside));
    place.classList.toggle("beside", beside);
  });
  return [place, el("div", { class: "tools" }, toggle, el("label", { class: "control" }, "Opacity ", slider), boxes, both)];
}

const probabilities = (image, classes) =>
  el("dl", { class: "probs", "aria-label": "Probabilities" }, ...classes.flatMap((name) => {
    const value = image.probabilities[name] ?? 0, top = name === image.type ? "top" : null;
    return [el("dt", { class: top }, name),
      el("dd", { class: "track", "aria-hidden": "true" }, el("i", { style: `width:${(100 * value).toFixed(1)}%` })),
      el("dd", { class: top }, value.toFixed(3))];
  }));

const figures = (list) => el("div", { class: "multiples" }, ...list.map(([src, alt, caption]) =>
  el("figure", {}, el("img", { src, alt }), el("figcaption", {}, caption))));

/** The card of a photo; of none, a place for one. */
export function card(photo, defects = []) {
  const empty = (text) => el("article", { class: "item" }, el("div", { class: "view" }, el("p", { class: "muted" }, text)));
  if (!photo) return empty("The photo that is chosen in the list is shown here.");
  const { outcome } = photo;
  if (!outcome) return empty(`${photo.name} waits for its turn.`);
  const { result: image, pictures } = outcome;
  if (image.error) {
    return el("article", { class: "item" }, el("header", {}, el("h3", {}, photo.name)),
      el("div", { class: "view" }, el("p", {}, el("strong", {}, "It could not be looked at."), el("br"), image.error,
        ...(image.hint ? [el("br"), el("span", { class: "muted" }, `What to do: ${image.hint}`)] : []))));
  }
  const flag = image.score >= 0.5 ? " flag" : "";
  const box = (b) => `${b.type} ${b.score.toFixed(3)}: ${b.width} × ${b.height} at (${b.x}, ${b.y}), area ${b.area} px`;
  const evidence = image.evidence && `words alone ${image.evidence.words.toFixed(3)}, distance from the good photos alone ${image.evidence.distance.toFixed(3)}`;
  return el("article", { class: `item${flag}`, "aria-label": `Result of ${photo.name}` },
    el("header", {}, el("strong", { class: "verdict" }, flag ? "defective" : "good"),
      el("span", { class: "big", "aria-label": "Anomaly score" }, image.score.toFixed(3)), el("h3", {}, photo.name),
      el("span", { class: "muted" }, `${image.width} × ${image.height} · most likely defect: ${image.type} · ${outcome.seconds.toFixed(2)} s`)),
    ...(pictures ? view(image, pictures) : []),
    el("div", { class: "body" }, probabilities(image, ["normal", ...defects]),
      ...(evidence ? [el("p", { class: "muted" }, evidence)] : []),
      ...(image.notes ?? []).map((note) => el("p", { class: "muted" }, note)),
      ...(image.boxes.length ? [el("details", {}, el("summary", {}, plural(image.boxes.length, "box")), el("ul", {}, ...image.boxes.map((b) => el("li", {}, box(b)))))] : []),
      ...(pictures?.likeness?.length ? [el("details", { open: true }, el("summary", {}, "This looks like that, but not enough"),
        figures(pictures.likeness.flatMap(([here, good]) => [[here, "The most unusual place of a box", "here"], [good, "The place of a good photo that it looks like", "good photo"]])))] : []),
      ...(pictures?.class_maps.length ? [el("details", {}, el("summary", {}, "Map of each class"),
        figures(pictures.class_maps.map(([name, url]) => [url, `Map of ${name}`, name])))] : [])));
}
