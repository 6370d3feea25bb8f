"use strict";
// The signal timing diagram: what was shown in the last minute, as far as this page has seen it, and what is planned for the next.
import {drawn} from "./elements.js";
import {shortenedToWidth} from "./names.js";

const PAST_S = 60, AHEAD_S = 60, LONGEST_GAP_S = 3, NARROW = 560, LEAST_TICK = 56, SQUARE = 16, GAP = 10;
const NAMES = {G: "green", g: "green, gives way", s: "may turn after a stop", y: "yellow", u: "red and yellow", r: "red"};
const KINDS = {vehicle: "V", pedestrian: "P", bicycle: "C", bus: "B", tram: "T"};
const SHARES = {G: 1, s: 0.55, g: 0.55, y: 1, u: 1, r: 0.2}; // of a bar's height: red is a thin line, a green that gives way a low bar
const past = new Map();

/** Keep what a junction shows now. */
export function remember(junction) {
  if (!junction.answer) return;
  const seen = past.get(junction.id) || [];
  const now = junction.answer.time_s;
  if (seen.length && seen[seen.length - 1].time >= now + 1) seen.length = 0;
  if (!seen.length || seen[seen.length - 1].time < now) seen.push({time: now, signals: junction.groups.map((group) => group.signal)});
  while (seen[0].time < now - PAST_S) seen.shift();
  past.set(junction.id, seen);
}

export function showDiagram(diagram, junction) {
  const width = diagram.clientWidth || 800, narrow = width < NARROW, letter = parseFloat(getComputedStyle(diagram).fontSize);
  // On a narrow page the names stand above the rows: the plot needs the width.
  const bar = Math.round(letter * 1.15), row = Math.round(narrow ? 2.9 * letter : 1.7 * letter), top = Math.round(1.7 * letter);
  const left = narrow ? 2 : Math.round(Math.min(0.38 * width, 17 * letter)), right = narrow ? 2 : Math.round(1.6 * letter);
  const height = top + row * junction.groups.length + 6;
  diagram.replaceChildren();
  diagram.setAttribute("viewBox", `0 0 ${width} ${height}`);
  diagram.style.height = `${height}px`;
  const answer = junction.answer;
  if (!answer) return;
  const now = answer.time_s, scale = (width - left - right) / (PAST_S + AHEAD_S), x = (time) => left + (time - now + PAST_S) * scale;
  showAxis(diagram, x, {now, scale, top, height, width, letter});
  const names = junction.groups.map((group) => `${KINDS[group.kind]} ${group.id}`);
  const room = narrow ? width - SQUARE - GAP : left - SQUARE - 2 * GAP;
  const short = shortenedToWidth(names, room, `${letter}px ${getComputedStyle(diagram).fontFamily}`);
  const seen = (past.get(junction.id) || []).filter((moment) => moment.time > now - PAST_S);
  junction.groups.forEach((group, index) => {
    const y = top + row * index, base = narrow ? y + row - 0.6 * letter : y + (row + bar) / 2, middle = narrow ? base - bar - 0.7 * letter : y + row / 2;
    const label = drawn("text", {x: narrow ? SQUARE + GAP : 0, y: middle, class: "group"}, short[index]);
    label.append(drawn("title", {}, `${group.kind} ${group.id}: ${NAMES[group.signal] || "unknown"}`));
    diagram.append(label);
    const square = {x: narrow ? 0 : left - SQUARE - GAP, y: middle - SQUARE / 2, width: SQUARE, height: SQUARE, class: `show-${group.signal || "none"}`};
    diagram.append(drawn("rect", square));
    for (const run of runsOf(seen, index)) {
      const thick = bar * (SHARES[run.signal] || 0.2), from = Math.max(now - PAST_S, run.from);
      diagram.append(drawn("rect", {x: x(from), width: (run.to - from) * scale, y: base - (bar + thick) / 2, height: thick, class: `show-${run.signal || "none"}`}));
    }
    for (const entry of answer.timeline) {
      const stage = junction.stages.find((each) => each.id === entry.stage);
      const start = Math.max(now, entry.green_start_s), end = Math.min(now + AHEAD_S, entry.green_end_s === null ? now + AHEAD_S : entry.green_end_s);
      if (!stage.groups.includes(group.id) || end <= start) continue;
      diagram.append(drawn("rect", {x: x(start), y: base - bar, width: (end - start) * scale, height: bar, class: "show-plan"}));
    }
  });
}

function showAxis(diagram, x, {now, scale, top, height, width, letter}) {
  const every = [10, 20, 30].find((step) => step * scale >= LEAST_TICK + letter) || 60, half = 1.6 * letter;
  for (let step = -PAST_S; step <= AHEAD_S; step += every) {
    const place = x(now + step);
    const anchor = place < half ? "start" : place > width - half ? "end" : "middle"; // the outermost stay within the picture
    diagram.append(drawn("line", {x1: place, x2: place, y1: top - 6, y2: height}));
    diagram.append(drawn("text", {x: place, y: 0.7 * letter, class: `axis ${anchor}`}, step === 0 ? "now" : `${step > 0 ? "+" : "−"}${Math.abs(step)} s`));
  }
  diagram.append(drawn("line", {x1: x(now), x2: x(now), y1: top - 8, y2: height, class: "now"}));
}

/** Stretches of time in which a group showed the same. A second that the page has missed belongs to the picture after it. */
function runsOf(seen, index) {
  const runs = [];
  seen.forEach((moment, place) => {
    const signal = moment.signals[index], last = runs[runs.length - 1];
    const gap = place ? moment.time - seen[place - 1].time : 1, from = gap <= LONGEST_GAP_S ? moment.time - gap : moment.time - 1;
    if (last && last.signal === signal && last.to === from) last.to = moment.time;
    else runs.push({signal, from, to: moment.time});
  });
  return runs;
}
