"use strict";
// Draws every figure, moves those of time together, and fits them to paper.
(() => {
  const PAPER_PX = 700; // about the width of a printed A4 page
  const places = [...document.querySelectorAll("[data-figure]")];
  const output = document.getElementById("shown");
  const inTime = places.filter((place) => "time" in place.dataset);
  let whole = null; // begin and end of the night, in ms
  let shown = null; // of what is shown, or will be as soon as all plots are drawn
  let isDrawing = false;

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
    whole = shown = whole || range(place);
    place.on("plotly_relayout", (change) => {
      if ("xaxis.range[0]" in change) show(range(place)); // a person's; our own says xaxis.range
    });
    place.on("plotly_doubleclick", () => show(whole));
  }

  function range(place) {
    const axis = place._fullLayout.xaxis;
    return axis.range.map((end) => axis.r2l(end));
  }

  async function show([begin, end]) {
    const span = Math.round(Math.min(end - begin, whole[1] - whole[0])); // whole ms, as all axes have them
    begin = Math.round(Math.max(whole[0], Math.min(begin, whole[1] - span)));
    shown = [begin, begin + span];
    const isWhole = span === whole[1] - whole[0];
    output.textContent = isWhole ? "" : shown.map((ms) => text(ms).slice(11, 19)).join(" to ");
    if (isDrawing) return; // who draws looks at shown again
    isDrawing = true;
    for (let drawn = null; drawn !== shown; ) {
      drawn = shown;
      for (const place of inTime) {
        if (range(place).join() !== drawn.join()) await Plotly.relayout(place, { "xaxis.range": drawn.map(text) });
      }
    }
    isDrawing = false;
  }

  function text(ms) {
    return new Date(ms).toISOString().slice(0, 23).replace("T", " ");
  }

  function move(how) {
    const [begin, end] = shown;
    const span = end - begin;
    const to = {
      all: whole,
      in: [begin + span / 4, end - span / 4],
      out: [begin - span / 2, end + span / 2],
      earlier: [begin - span / 2, end - span / 2],
      later: [begin + span / 2, end + span / 2],
    };
    show(to[how]);
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
        await new Promise((go) => setTimeout(go)); // the page can be read and moved meanwhile
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
