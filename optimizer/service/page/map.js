"use strict";
// The map: where the junctions lie to each other, roughly. It may be stretched to use its room, up to MOST_STRETCH. EDGE is for circles and names.
import {drawn} from "./elements.js";
import {widthIn} from "./names.js";

const EDGE = [40, 62], EDGE_OF_MANY = [14, 14], MOST_STRETCH = 2.5, FEW = 25, LONGEST_NAME = 12, LETTER_HEIGHT = 20, GAP = 6;

/** Draw `junctions`: each with id, position (x, y upwards, or null), queue, condition, words and chosen. */
export function showMap(map, junctions, choose) {
  const width = map.clientWidth || 500, height = map.clientHeight || 250, few = junctions.length <= FEW;
  const places = placed(junctions, width, height), least = leastDistance(places);
  // Circles never touch: two of the largest and their rings fit between the nearest two places.
  const largest = Math.max(5, Math.min(few ? 30 : 12, least / 2 - 4)), smallest = Math.min(few ? 14 : 6, 0.6 * largest);
  const discs = junctions.map((junction, index) => ({
    x: places[index][0], y: places[index][1], r: Math.min(largest, smallest + Math.sqrt(junction.queue) * (few ? 2.5 : 1.2)),
  }));
  map.setAttribute("viewBox", `0 0 ${width} ${height}`);
  map.replaceChildren();
  junctions.forEach((junction, index) => {
    const {x, y, r} = discs[index];
    const disc = drawn("circle", {cx: x, cy: y, r, class: `place ${junction.condition} ${junction.chosen ? "chosen" : ""}`});
    disc.append(drawn("title", {}, `${junction.id}: ${junction.words}, ${junction.queue} vehicles wait`));
    disc.addEventListener("click", () => choose(junction.id));
    map.append(disc);
    if (junction.condition === "alarmed" && r >= 10) map.append(drawn("text", {x, y: y + LETTER_HEIGHT / 3, class: "sign"}, "!"));
  });
  if (!few) return;
  const style = getComputedStyle(map), taken = discs.map(({x, y, r}) => [x - r, y - r, x + r, y + r]);
  const textWidth = widthIn(`650 ${LETTER_HEIGHT}px ${style.fontFamily}`);
  junctions.forEach((junction, index) => {
    if (junction.id.length >= LONGEST_NAME) return;
    const box = freeBox(discs[index], textWidth(junction.id), taken, width, height);
    if (box === null) return; // no room beside it; the list and the tooltip tell the name
    taken.push(box);
    map.append(drawn("text", {x: (box[0] + box[2]) / 2, y: box[3] - 4, class: "label"}, junction.id));
  });
}

/** Places on the map in pixels. Without positions the junctions stand in rows. */
function placed(junctions, width, height) {
  const columns = Math.ceil(Math.sqrt(2 * junctions.length)) || 1;
  const located = junctions.length > 0 && junctions.every((junction) => junction.position);
  const given = junctions.map(({position}, index) => located ? [position[0], -position[1]] : [index % columns, Math.floor(index / columns)]);
  const edge = junctions.length <= FEW ? EDGE : EDGE_OF_MANY, room = [width - 2 * edge[0], Math.max(height / 4, height - 2 * edge[1])];
  const low = [0, 1].map((axis) => given.reduce((least, place) => Math.min(least, place[axis]), Infinity));
  const span = [0, 1].map((axis) => given.reduce((most, place) => Math.max(most, place[axis]), -Infinity) - low[axis]);
  const full = [0, 1].map((axis) => span[axis] > 0 ? room[axis] / span[axis] : Infinity), least = Math.min(...full);
  const scale = full.map((each) => Number.isFinite(least) ? Math.min(each, MOST_STRETCH * least) : 1);
  return given.map((place) => [0, 1].map((axis) => [width, height][axis] / 2 + (place[axis] - low[axis] - span[axis] / 2) * scale[axis]));
}

function leastDistance(places) {
  if (places.length > 100) return 16; // a crowd: small circles, without comparing each with each
  let least = Infinity;
  places.forEach((one, index) => places.slice(index + 1).forEach((other) => {
    least = Math.min(least, Math.hypot(one[0] - other[0], one[1] - other[1]));
  }));
  return least;
}

/** The first place above, below, right or left of a circle that nothing else takes. */
function freeBox({x, y, r}, wide, taken, width, height) {
  const half = wide / 2, tall = LETTER_HEIGHT, away = r + GAP;
  const boxes = [
    [x - half, y - away - tall, x + half, y - away], [x - half, y + away, x + half, y + away + tall],
    [x + away, y - tall / 2, x + away + wide, y + tall / 2], [x - away - wide, y - tall / 2, x - away, y + tall / 2],
  ];
  const apart = (a, b) => a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
  const inside = (box) => box[0] >= 0 && box[1] >= 0 && box[2] <= width && box[3] <= height;
  return boxes.find((box) => inside(box) && taken.every((other) => apart(box, other))) || null;
}
