"use strict";
// The picture comes once a second over one WebSocket; everything is drawn anew from it. The last minute of signals is remembered here.
const PAST_S = 60, AHEAD_S = 60, RETRY_MS = 2000, SILENT_AFTER_S = 10;
const NAMES = {G: "green", g: "green, gives way", s: "may turn after a stop", y: "yellow", u: "red and yellow", r: "red"};
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const past = new Map();
let junctions = [], chosen = decodeURIComponent(location.hash.slice(1)), key = sessionStorage.getItem("key");

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function connect() {
  const protocols = ["ampelwerk.v1"].concat(key ? [`key.${key}`] : []);
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/board/stream`, protocols);
  let opened = false;
  socket.onopen = () => { opened = true; $("key-form").hidden = true; $("connection").textContent = "live"; };
  socket.onmessage = (message) => take(JSON.parse(message.data));
  socket.onclose = async () => {
    $("connection").textContent = "no connection";
    document.body.classList.add("stale");
    if (!opened) {
      const answer = await fetch("/v1/board", {headers: key ? {Authorization: `Bearer ${key}`} : {}}).catch(() => null);
      if (answer && (answer.status === 401 || answer.status === 403)) {
        $("connection").textContent = "needs a key";
        $("key-form").hidden = false;
        $("key").focus();
        return;
      }
    }
    setTimeout(connect, RETRY_MS);
  };
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("key").value.trim();
  sessionStorage.setItem("key", key);
  connect();
});

function take(picture) {
  junctions = picture.junctions || [];
  for (const junction of junctions) remember(junction);
  if (!junctions.some((junction) => junction.id === chosen)) chosen = junctions.length ? junctions[0].id : "";
  const latency = picture.latency_ms || {};
  $("latency").textContent = latency.median === undefined ? "–" : `${latency.median.toFixed(1)} / ${latency.p99.toFixed(1)} ms`;
  $("storage").textContent = picture.storage || "–";
  $("alarms").textContent = junctions.reduce((sum, junction) => sum + alarmsOf(junction).length, 0);
  showList();
  showMap();
  showDetail();
}

function remember(junction) {
  if (!junction.answer) return;
  const seen = past.get(junction.id) || [];
  const now = junction.answer.time_s;
  if (seen.length && seen[seen.length - 1].time >= now + 1) seen.length = 0;
  if (!seen.length || seen[seen.length - 1].time < now) seen.push({time: now, signals: junction.groups.map((group) => group.signal)});
  while (seen[0].time < now - PAST_S) seen.shift();
  past.set(junction.id, seen);
}

const alarmsOf = (junction) => junction.answer ? junction.answer.alarms : [];
const isSilent = (junction) => !junction.answer || Date.now() / 1000 - junction.answered_at > SILENT_AFTER_S;
const condition = (junction) => isSilent(junction) ? "silent" : alarmsOf(junction).length ? "alarmed" : "fine";
const queueOf = (junction) => junction.answer ? junction.answer.queues.reduce((sum, queue) => sum + queue.waiting_veh, 0) : 0;
const WORDS = {silent: "no calls", alarmed: "alarm", fine: "in order"};

function choose(id) {
  chosen = id;
  history.replaceState(null, "", `#${encodeURIComponent(id)}`);
  showList();
  showMap();
  showDetail();
}

function showList() {
  const list = $("list");
  list.replaceChildren(...junctions.map((junction, index) => {
    const state = condition(junction);
    const item = element("li", {role: "option", id: `option-${index}`, "aria-selected": junction.id === chosen, title: junction.id},
      element("span", {class: `mark ${state}`, "aria-hidden": "true"}), element("span", {class: "name"}, junction.id),
      element("span", {}, WORDS[state]), element("span", {class: "number"}, String(queueOf(junction))));
    item.addEventListener("click", () => choose(junction.id));
    if (junction.id === chosen) list.setAttribute("aria-activedescendant", item.id);
    return item;
  }));
}

$("list").addEventListener("keydown", (event) => {
  const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity};
  if (!(event.key in steps) || !junctions.length) return;
  event.preventDefault();
  const place = junctions.findIndex((junction) => junction.id === chosen) + steps[event.key];
  choose(junctions[Math.min(junctions.length - 1, Math.max(0, place))].id);
  $("list").querySelector("[aria-selected=true]").scrollIntoView({block: "nearest"});
});

function showMap() {
  const map = $("map"), width = map.clientWidth || 500, height = map.clientHeight || 250, edge = 44;
  const columns = Math.ceil(Math.sqrt(2 * junctions.length)) || 1;
  const located = junctions.length > 0 && junctions.every((junction) => junction.position);
  const places = junctions.map((junction, index) => located ? [junction.position[0], -junction.position[1]] : [index % columns, Math.floor(index / columns)]);
  const low = [0, 1].map((axis) => Math.min(...places.map((place) => place[axis])));
  const span = [0, 1].map((axis) => Math.max(...places.map((place) => place[axis])) - low[axis]);
  const room = [width - 2 * edge, height - 2 * edge];
  const scale = Math.min(...[0, 1].map((axis) => span[axis] > 0 ? room[axis] / span[axis] : Infinity));
  const factor = Number.isFinite(scale) ? scale : 1;
  const few = junctions.length <= 25;
  map.setAttribute("viewBox", `0 0 ${width} ${height}`);
  map.replaceChildren();
  junctions.forEach((junction, index) => {
    const [x, y] = [0, 1].map((axis) => edge + room[axis] / 2 + (places[index][axis] - low[axis] - span[axis] / 2) * factor);
    const queue = queueOf(junction), size = (few ? 16 : 6) + Math.min(few ? 14 : 6, Math.sqrt(queue) * 2);
    const disc = drawn("circle", {cx: x, cy: y, r: size, class: `place ${condition(junction)} ${junction.id === chosen ? "chosen" : ""}`});
    disc.append(drawn("title", {}, `${junction.id}: ${WORDS[condition(junction)]}, ${queue} vehicles wait`));
    disc.addEventListener("click", () => choose(junction.id));
    map.append(disc);
    if (few && junction.id.length < 12) map.append(drawn("text", {x, y: y - size - 8}, junction.id));
  });
}

function showDetail() {
  const junction = junctions.find((each) => each.id === chosen);
  if (!junction) return;
  const answer = junction.answer;
  $("detail-title").textContent = junction.id;
  $("command").textContent = !answer ? "No call yet" : isSilent(junction) ? "No calls at the moment"
    : {stay: "Stay in ", change: "Change to ", extend: "Hold back "}[answer.command] + answer.stage;
  $("reason").textContent = answer ? `${answer.reason || "the plan keeps the stage"} · ${answer.engine}, ${(1000 * answer.solve_s).toFixed(1)} ms` : "";
  $("junction-alarms").replaceChildren(...alarmsOf(junction).map((alarm) => element("li", {}, `${alarm.kind}: ${alarm.sentence}`)));
  showDiagram(junction);
  showQueues(answer);
  $("detectors").replaceChildren(...junction.detectors.map((detector) => {
    const state = detector.silent ? "silent" : detector.failed ? "not believed" : detector.covered ? "covered" : "free";
    return element("li", {class: `lamp ${detector.silent || detector.failed ? "quiet" : state}`, title: `${detector.id}: ${state}`},
      element("i", {role: "img", "aria-label": state}), element("span", {}, `${detector.role.replace("_", " ")} ${detector.id.split(":").pop()}`));
  }));
}

function showQueues(answer) {
  const queues = answer ? answer.queues : [];
  const most = Math.max(10, ...queues.map((queue) => queue.waiting_veh));
  $("queues").replaceChildren(...queues.map((queue) => element("div", {class: "queue"},
    element("span", {class: "lane", title: queue.lane}, queue.lane), element("b", {}, `${queue.waiting_veh}`),
    element("meter", {min: 0, max: most, value: queue.waiting_veh, "aria-label": `${queue.lane}: ${queue.waiting_veh} wait`}))));
}

function showDiagram(junction) {
  const diagram = $("diagram"), width = diagram.clientWidth || 800, row = 30, left = 270, top = 30;
  diagram.replaceChildren();
  const height = top + row * junction.groups.length + 6;
  diagram.setAttribute("viewBox", `0 0 ${width} ${height}`);
  diagram.style.height = `${height}px`;
  const answer = junction.answer;
  if (!answer) return;
  const now = answer.time_s, scale = (width - left - 16) / (PAST_S + AHEAD_S), x = (time) => left + (time - now + PAST_S) * scale;
  for (let step = -PAST_S; step <= AHEAD_S; step += 20) {
    diagram.append(drawn("line", {x1: x(now + step), x2: x(now + step), y1: top - 6, y2: height}));
    diagram.append(drawn("text", {x: x(now + step), y: 12, class: "axis"}, step === 0 ? "now" : `${step > 0 ? "+" : ""}${step} s`));
  }
  const seen = past.get(junction.id) || [];
  junction.groups.forEach((group, index) => {
    const y = top + row * index;
    const label = drawn("text", {x: 0, y: y + row / 2}, `${group.kind[0].toUpperCase()} ${group.id}`.slice(0, 27));
    label.append(drawn("title", {}, `${group.kind} ${group.id}: ${NAMES[group.signal] || "unknown"}`));
    diagram.append(label);
    diagram.append(drawn("rect", {x: left - 22, y: y + 7, width: 16, height: row - 14, class: `show-${group.signal || "none"}`}));
    seen.filter((moment) => moment.time > now - PAST_S).forEach((moment) => {
      const letter = moment.signals[index];
      const thin = letter === "r" || !letter;
      const bar = {x: x(moment.time - 1), width: scale + 0.6, y: y + (thin ? row / 2 - 2 : 5), height: thin ? 4 : row - 10, class: `show-${letter || "none"}`};
      diagram.append(drawn("rect", bar));
    });
    for (const entry of answer.timeline) {
      const stage = junction.stages.find((each) => each.id === entry.stage);
      const start = Math.max(now, entry.green_start_s), end = Math.min(now + AHEAD_S, entry.green_end_s === null ? now + AHEAD_S : entry.green_end_s);
      if (!stage.groups.includes(group.id) || end <= start) continue;
      diagram.append(drawn("rect", {x: x(start), y: y + 5, width: (end - start) * scale, height: row - 10, class: "show-plan"}));
    }
  });
  diagram.append(drawn("line", {x1: x(now), x2: x(now), y1: top - 8, y2: height, class: "now"}));
}

connect();
