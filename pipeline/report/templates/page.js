"use strict";
// Draws every figure, first those that are seen; moves those of time together, and fits them to paper.
(() => {
  const PAPER_PX = 700; // about the width of a printed A4 page
  const places = [...document.querySelectorAll("[data-figure]")];
  const output = document.getElementById("shown");
  const inTime = places.filter((place) => "time" in place.dataset);
  const left = new Set(places); // not drawn yet
  let whole = null; // begin and end of the night, in ms
  let shown = null; // of what is shown, or will be as soon as all plots have moved
  let isDrawing = false;

  function warn(place, text) {
    place.style.height = "auto";
    place.className = "warning";
    place.removeAttribute("role");
    place.textContent = text;
  }

  async function draw(place) {
    left.delete(place);
    if (typeof Plotly === "undefined") {
      warn(place, "The plot needs the folder assets of this report: copy it along with the page.");
      return;
    }
    const spec = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    if (matchMedia("(pointer: coarse)").matches) spec.layout.dragmode = false; // a finger scrolls the page
    const isInTime = inTime.includes(place);
    if (isInTime && shown !== whole) spec.layout.xaxis.range = shown.map(text); // somebody has moved meanwhile
    await Plotly.newPlot(place, spec.data, spec.layout, { displayModeBar: false, responsive: true });
    if (!isInTime) return;
    if (!whole) whole = shown = range(place);
    place.on("plotly_relayout", (change) => {
      if ("xaxis.range[0]" in change) show(range(place)); // a person's; our own says xaxis.range
    });
    place.on("plotly_doubleclick", () => show(whole));
  }

  function isSeen(place) {
    const { top, bottom } = place.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }

  async function drawAll() {
    document.getElementById(location.hash.slice(1))?.scrollIntoView(); // the browser goes there later
    while (left.size) {
      const seen = [...left].find(isSeen);
      if (!seen) await readable();
      if (left.size) await draw(seen || [...left][0]);
      await new Promise((go) => setTimeout(go)); // the page can be read and moved meanwhile
    }
    await readable();
    tell("drawn");
  }

  async function readable() { // all that is seen is drawn: wait once until it is on the screen
    if (document.body.dataset.state) return;
    await new Promise((go) => {
      requestAnimationFrame(() => setTimeout(go));
      setTimeout(go, 500); // where nobody looks there are no frames
    });
    tell("readable");
  }

  function tell(state) {
    document.body.dataset.state = state;
    performance.mark(state);
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
        if (!place._fullLayout) continue; // it will be drawn as the others are shown
        if (range(place).join() !== drawn.join()) await Plotly.relayout(place, { "xaxis.range": drawn.map(text) });
      }
    }
    isDrawing = false;
  }

  function text(ms) {
    return new Date(ms).toISOString().slice(0, 23).replace("T", " ");
  }

  function move(how) {
    if (!shown) return;
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

  document.addEventListener("DOMContentLoaded", drawAll);
  for (const button of document.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => move(button.dataset.move));
  }
  addEventListener("beforeprint", () => {
    for (const place of left) draw(place); // paper has all of them
    fit(PAPER_PX);
  });
  addEventListener("afterprint", () => fit(0));
})();
