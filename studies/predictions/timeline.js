"use strict";

// Hues that the colour-blind can tell apart (Okabe and Ito); a band is also known by its row.
const HUES = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#7a7f87"];

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

// Bars of probabilities, the greatest first.
function drawBars(container, probabilities, emotions) {
  const sorted = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  container.replaceChildren(...sorted.map(([emotion, share]) => {
    const bar = element("i");
    bar.style.width = percent(share);
    bar.style.background = HUES[emotions.indexOf(emotion) % HUES.length];
    return element("div", {className: "bar"}, element("span", {textContent: emotion}), element("b", {}, bar),
      element("span", {className: "share", textContent: percent(share)}));
  }));
}

function drawWave(peaks) {
  const top = Math.max(0.05, ...peaks);
  const upper = peaks.map((peak, x) => `${x},${(50 - 48 * peak / top).toFixed(1)}`);
  const lower = peaks.map((peak, x) => `${x},${(50 + 48 * peak / top).toFixed(1)}`).reverse();
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("viewBox", `0 0 ${Math.max(1, peaks.length - 1)} 100`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
  shape.setAttribute("points", [...upper, ...lower].join(" "));
  picture.append(shape);
  return picture;
}

function drawBand(segment, timeline, hue) {
  const band = element("i", {
    className: "band",
    title: `${segment.emotion} ${percent(segment.probabilities[segment.emotion])}, ${clock(segment.start_s)} to ${clock(segment.end_s)}`,
  });
  band.style.left = `${100 * segment.start_s / timeline.duration_s}%`;
  band.style.width = `${100 * (segment.end_s - segment.start_s) / timeline.duration_s}%`;
  band.style.background = hue;
  band.style.opacity = 0.35 + 0.65 * segment.probabilities[segment.emotion];
  return band;
}

function drawTable(timeline, seek) {
  const rows = timeline.segments.map((segment) => element("tr", {},
    element("td", {}, element("button", {type: "button", textContent: clock(segment.start_s), onclick: () => seek(segment.start_s)})),
    element("td", {textContent: clock(segment.end_s)}),
    element("td", {textContent: segment.emotion}),
    element("td", {textContent: percent(segment.probabilities[segment.emotion])})));
  const head = element("tr", {}, ...["start", "end", "emotion", "p"].map((text) => element("th", {scope: "col", textContent: text})));
  return [element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)), rows];
}

// Draws a timeline, and lets it follow a player; a click goes to that moment.
function drawTimeline(container, timeline, emotions, audio) {
  // A player without a recording that it can play does not tell of a new time.
  const seek = (seconds) => { audio.currentTime = seconds; follow(); };
  const playhead = element("i", {className: "playhead"});
  const lanes = emotions.map((emotion, number) => element("div", {className: "lane"},
    ...timeline.segments.filter((segment) => segment.emotion === emotion).map((segment) => drawBand(segment, timeline, HUES[number % HUES.length]))));
  const plot = element("div", {className: "plot"}, element("div", {className: "wave"}, drawWave(timeline.peaks)), ...lanes, playhead);
  plot.addEventListener("click", (event) => {
    const box = plot.getBoundingClientRect();
    seek(timeline.duration_s * (event.clientX - box.left) / box.width);
  });
  const names = element("div", {className: "names"}, element("span", {className: "wave"}), ...emotions.map((emotion) => element("span", {textContent: emotion, title: emotion})));
  const axis = element("div", {className: "axis"}, ...[0, 0.25, 0.5, 0.75, 1].map((share) => element("span", {textContent: clock(share * timeline.duration_s)})));
  const now = element("p", {className: "now"});
  now.setAttribute("aria-live", "polite");
  const bars = element("div", {className: "bars"});
  const [table, rows] = drawTable(timeline, seek);
  const list = element("details", {}, element("summary", {textContent: `${timeline.segments.length} segments`}), element("div", {className: "scroll"}, table));
  let shown = null;
  const follow = () => {
    playhead.style.left = `${100 * Math.min(1, audio.currentTime / timeline.duration_s)}%`;
    const number = timeline.segments.findIndex((segment) => segment.start_s <= audio.currentTime && audio.currentTime < segment.end_s);
    if (number === shown) return;
    rows.forEach((row, index) => row.classList.toggle("current", index === number));
    shown = number;
    now.textContent = number < 0 ? "no speech" : timeline.segments[number].emotion;
    drawBars(bars, number < 0 ? Object.fromEntries(emotions.map((emotion) => [emotion, 0])) : timeline.segments[number].probabilities, emotions);
    // Without speech nothing has a probability; the room of the bars stays.
    bars.style.visibility = number < 0 ? "hidden" : "visible";
  };
  const animate = () => { follow(); if (!audio.paused) requestAnimationFrame(animate); };
  for (const name of ["timeupdate", "seeked", "pause"]) audio.addEventListener(name, follow);
  audio.addEventListener("play", animate);
  container.replaceChildren(element("div", {className: "chart"}, names, element("div", {}, plot, axis)), now, bars, list);
  if (!timeline.segments.length) container.prepend(element("p", {className: "note", textContent: "No speech was found."}));
  follow();
}
