"use strict";
// Draws every figure, moves those of time together, and fits them to paper.
(() => {
  const PAPER_PX = 700; // about the width of a printed A4 page
  const places = [...document.querySelectorAll("[data-figure]")];
  const inTime = places.filter((place) => "time" in place.dataset);
  let whole = null; // of the night, in ms
  let moving = false;

  function warn(place, text) {
    place.style.height = "auto";
    place.className = "warning";
    place.removeAttribute("role");
    place.textContent = text;
  }

  async function draw(place) {
    const spec = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    if (matchMedia("(pointer: coarse)").matches) spec.layout.dragmode = false; // a finger scrolls the page
    await Plotly.newPlot(place, spec.data, spec.layout, { displayModeBar: false, responsive: true });
    if (!inTime.includes(place)) return;
    whole = whole || range(place);
    place.on("plotly_relayout", (change) => {
      if (Object.keys(change).some((key) => key.startsWith("xaxis."))) moveAll(range(place), place);
    });
    place.on("plotly_doubleclick", () => moveAll(whole));
  }

  function range(place) {
    const axis = place._fullLayout.xaxis;
    return axis.range.map((end) => axis.r2l(end));
  }

  async function moveAll(to, but) {
    if (moving) return;
    moving = true;
    const span = Math.min(to[1] - to[0], whole[1] - whole[0]);
    const begin = Math.max(whole[0], Math.min(to[0], whole[1] - span));
    for (const place of inTime) {
      if (place !== but) await Plotly.relayout(place, { "xaxis.range": [begin, begin + span].map(text) });
    }
    moving = false;
    document.getElementById("shown").textContent =
      span < whole[1] - whole[0] ? `${text(begin).slice(11, 19)} to ${text(begin + span).slice(11, 19)}` : "";
  }

  function text(ms) {
    return new Date(ms).toISOString().slice(0, 23).replace("T", " ");
  }

  function move(how) {
    const [begin, end] = range(inTime[0]);
    const span = end - begin;
    const to = {
      all: whole,
      in: [begin + span / 4, end - span / 4],
      out: [begin - span / 2, end + span / 2],
      earlier: [begin - span / 2, end - span / 2],
      later: [begin + span / 2, end + span / 2],
    };
    moveAll(to[how]);
  }

  function fit(width) {
    for (const place of places) {
      if (place._fullLayout) Plotly.relayout(place, width ? { autosize: false, width } : { width: null, autosize: true });
    }
  }

  document.addEventListener("DOMContentLoaded", async () => {
    for (const place of places) {
      if (typeof Plotly === "undefined") {
        warn(place, "The plot needs the folder assets of this report: copy it along with the page.");
      } else {
        await draw(place);
      }
    }
    document.body.dataset.state = "drawn";
  });
  for (const button of document.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => move(button.dataset.move));
  }
  addEventListener("beforeprint", () => fit(PAPER_PX));
  addEventListener("afterprint", () => fit(0));
})();
