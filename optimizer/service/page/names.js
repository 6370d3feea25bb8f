"use strict";
// Names that are too long for their place are shortened in the middle: the ends are what tells them apart.
const TAIL_SHARE = 0.6, HEAD_LETTERS = 2, REMEMBERED = 200;
const pen = document.createElement("canvas").getContext("2d");
const known = new Map();

export function widthIn(font) {
  return (text) => {
    pen.font = font;
    return pen.measureText(text).width;
  };
}

/** Return the names as they fit into `room`, measured by `width`. Names that differ still differ afterwards. */
export function shortened(names, room, width = (text) => text.length) {
  const short = cutInTheMiddle(names, room, width);
  for (const [text, places] of byText(short)) {
    if (!text.includes("…")) continue;
    // A cut name that could stand for another as well, whole or cut: show the place where they part, and the end if there is room for both.
    const [head, tail] = text.split("…"), alike = names.filter((name) => name.startsWith(head) && name.endsWith(tail));
    const from = commonPrefix(alike), mine = places.map((place) => names[place]);
    if (new Set(alike).size < 2) continue;
    const around = cutAround(mine, from, room, width, TAIL_SHARE), different = new Set(around).size === new Set(mine).size;
    (different ? around : cutAround(mine, from, room, width, 0)).forEach((part, index) => { short[places[index]] = part; });
  }
  // Where there is no room for what tells them apart, they are numbered.
  const still = [...byText(short).values()].filter((places) => new Set(places.map((place) => names[place])).size > 1).flat();
  const different = [...new Set(still.map((place) => names[place]))];
  for (const place of still) {
    const number = `${different.indexOf(names[place]) + 1}: `;
    short[place] = number + cutInTheMiddle([names[place]], room - width(number), width)[0];
  }
  return short;
}

/** Shorten the texts of elements to the narrowest of them; each has its whole text as its title. */
export function fit(elements) {
  if (!elements.length) return;
  const names = elements.map((each) => each.title), style = getComputedStyle(elements[0]);
  const room = Math.min(...elements.map((each) => each.clientWidth)) - 1;
  const font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  shortenedToWidth(names, room, font).forEach((text, place) => { elements[place].textContent = text; });
}

/** As `shortened` for a font; the picture comes each second with the same names, so the last results are remembered. */
export function shortenedToWidth(names, room, font) {
  const question = JSON.stringify([names, room, font]);
  let answer = known.get(question);
  if (answer === undefined) {
    if (known.size >= REMEMBERED) known.clear();
    known.set(question, answer = shortened(names, room, widthIn(font)));
  }
  return answer;
}

/** Long names all keep the same number of letters: else two could differ merely by which of their letters is the widest. */
function cutInTheMiddle(names, room, width, tailShare = TAIL_SHARE) {
  const long = names.filter((name) => width(name) > room);
  const cut = (name, kept) => {
    const tail = Math.ceil(kept * tailShare);
    return `${name.slice(0, kept - tail)}…${name.slice(name.length - tail)}`;
  };
  let kept = Math.max(1, ...long.map((name) => name.length - 1));
  for (const name of long) while (kept > 1 && (kept >= name.length || width(cut(name, kept)) > room)) kept -= 1;
  return names.map((name) => width(name) > room ? cut(name, kept) : name);
}

/** Keep the first letters, what comes from letter `from` on, and as much of the end as `tailShare` says. */
function cutAround(names, from, room, width, tailShare) {
  const heads = names.map((name) => from > HEAD_LETTERS + 1 ? `${name.slice(0, HEAD_LETTERS)}…` : name.slice(0, from));
  const rests = cutInTheMiddle(names.map((name) => name.slice(from)), room - Math.max(...heads.map(width)), width, tailShare);
  return heads.map((head, index) => head + rests[index]);
}

/** The places of each text. */
function byText(texts) {
  const places = new Map();
  texts.forEach((text, place) => places.set(text, [...(places.get(text) || []), place]));
  return places;
}

function commonPrefix(names) {
  let length = 0;
  while (length < names[0].length && names.every((name) => name[length] === names[0][length])) length += 1;
  return length;
}
