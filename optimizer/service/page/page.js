"use strict";
// Everything is drawn anew from the picture that comes once a second: the list of the junctions, and all about the chosen one.
import {isStale, watch} from "./connection.js";
import {remember, showDiagram} from "./diagram.js";
import {$, element} from "./elements.js";
import {showMap} from "./map.js";
import {fit} from "./names.js";

const SILENT_AFTER_S = 10;
const WORDS = {silent: "no calls", alarmed: "alarm", fine: "in order", unknown: "unknown"};
const COMMANDS = {stay: "Stay in ", change: "Change to ", extend: "Hold back "};
const ROLES = {stop_line: "At the stop line", near: "Near the stop line", far: "Far from the stop line", exit: "At the exit"};
let picture = {}, junctions = [], pictured_s = 0, chosen = decodeURIComponent(location.hash.slice(1));

const alarmsOf = (junction) => junction.answer ? junction.answer.alarms : [];
const isSilent = (junction) => !junction.answer || pictured_s - junction.answered_at > SILENT_AFTER_S;
const condition = (junction) => isStale() ? "unknown" : isSilent(junction) ? "silent" : alarmsOf(junction).length ? "alarmed" : "fine";
const queueOf = (junction) => junction.answer ? junction.answer.queues.reduce((sum, queue) => sum + queue.waiting_veh, 0) : 0;

function take(news) {
  [picture, junctions, pictured_s] = [news, news.junctions || [], Date.now() / 1000];
  for (const junction of junctions) remember(junction);
  if (!junctions.some((junction) => junction.id === chosen)) chosen = junctions.length ? junctions[0].id : "";
  show();
}

function show() {
  const latency = picture.latency_ms || {}, alarms = junctions.reduce((sum, junction) => sum + alarmsOf(junction).length, 0);
  tell("latency", isStale() || latency.median === undefined ? "–" : `${latency.median.toFixed(1)} / ${latency.p99.toFixed(1)} ms`);
  tell("storage", isStale() ? "unknown" : picture.storage || "–", picture.storage === "failing");
  tell("alarms", isStale() ? "unknown" : String(alarms), alarms > 0);
  showList();
  showMap($("map"), junctions.map((junction) => ({
    id: junction.id, position: junction.position, queue: queueOf(junction), condition: condition(junction), words: WORDS[condition(junction)],
    chosen: junction.id === chosen,
  })), choose);
  showDetail();
}

function tell(id, text, bad = false) {
  if ($(id).textContent !== text) $(id).textContent = text; // what is not new is not read out again
  $(id).classList.toggle("bad", bad && !isStale());
}

function choose(id, look = true) {
  chosen = id;
  history.replaceState(null, "", `#${encodeURIComponent(id)}`);
  show();
  if (look) lookAtDetail();
}

/** On a narrow page the junction's part lies below the list: bring it into sight. */
function lookAtDetail() {
  if ($("detail").getBoundingClientRect().top > window.innerHeight / 2) $("detail").scrollIntoView({block: "start"});
}

function showList() {
  const list = $("list");
  list.replaceChildren(...junctions.map((junction, index) => {
    const state = condition(junction);
    const item = element("li", {role: "option", id: `option-${index}`, "aria-selected": junction.id === chosen, title: junction.id},
      element("span", {class: `mark ${state}`, "aria-hidden": "true"}), element("span", {class: "name", title: junction.id}, junction.id),
      element("span", {}, WORDS[state]), element("span", {class: "number"}, String(queueOf(junction))));
    item.addEventListener("click", () => choose(junction.id));
    if (junction.id === chosen) list.setAttribute("aria-activedescendant", item.id);
    return item;
  }));
  fit([...list.querySelectorAll(".name")]);
}

function showDetail() {
  const junction = junctions.find((each) => each.id === chosen);
  for (const part of document.querySelectorAll(".of-junction")) part.hidden = !junction;
  if (!junction) {
    $("detail-title").textContent = "No junction yet";
    $("command").textContent = "Describe one with PUT /v1/junctions/ID.";
    return;
  }
  const answer = junction.answer;
  $("detail-title").textContent = junction.id;
  const command = !answer ? "No call yet" : isSilent(junction) ? "No calls at the moment" : COMMANDS[answer.command] + answer.stage;
  $("command").textContent = isStale() && answer ? `Last known: ${command}` : command;
  $("reason").textContent = !answer ? "" : isSilent(junction) ? `The last answer was: ${COMMANDS[answer.command]}${answer.stage}.` : `${reasonOf(answer)} ${decidedBy(answer)}`;
  $("junction-alarms").replaceChildren(...alarmsOf(junction).map((alarm) => element("li", {}, `${alarm.kind}: ${alarm.sentence}`)));
  showDiagram($("diagram"), junction);
  showQueues(answer ? answer.queues : []);
  showDetectors(junction.detectors);
}

/** Why: the reason “stay” of an answer that nothing was solved for says by itself nothing. */
function reasonOf(answer) {
  const left_s = (time_s) => `${Math.ceil(time_s - answer.time_s)} s`, opens_s = answer.timeline.length ? answer.timeline[0].green_start_s : 0;
  if (answer.reason && answer.reason !== "stay") return sentence(answer.reason);
  if (answer.engine === "last plan") return "The last plan keeps this stage.";
  if (answer.engine !== "none") return "The best plan keeps this stage.";
  if (opens_s > answer.time_s) return `The change is under way: green in ${left_s(opens_s)}.`;
  if (answer.earliest_change_s > answer.time_s) return `No change yet: minimum green for another ${left_s(answer.earliest_change_s)}.`;
  return "Nobody is expected: there was nothing to plan.";
}

function decidedBy(answer) {
  if (answer.engine === "none") return "Decided by rule.";
  if (answer.engine === "last plan") return "No time was left to plan anew.";
  return `Decided by ${answer.engine === "search" ? "forward search" : answer.engine.toUpperCase()} in ${(1000 * answer.solve_s).toFixed(1)} ms.`;
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

function showQueues(queues) {
  const most = Math.max(10, ...queues.map((queue) => queue.waiting_veh));
  $("queues").replaceChildren(...queues.map((queue) => element("div", {class: "queue"},
    element("span", {class: "lane", title: queue.lane}, queue.lane), element("b", {}, `${queue.waiting_veh}`),
    element("meter", {min: 0, max: most, value: queue.waiting_veh, "aria-label": `${queue.lane}: ${queue.waiting_veh} wait`}))));
  fit([...$("queues").querySelectorAll(".lane")]);
}

function showDetectors(detectors) {
  $("detectors").replaceChildren(...[...new Set(detectors.map((detector) => detector.role))].map((role) => {
    const lamps = detectors.filter((detector) => detector.role === role).map((detector) => {
      const tail = detector.id.split(":").pop();
      // Within one role the part behind the last colon mostly says which it is.
      const alone = detectors.every((other) => other === detector || other.role !== role || !other.id.endsWith(`:${tail}`));
      const state = detector.silent ? "silent" : detector.failed ? "not believed" : detector.covered ? "covered" : "free";
      return element("li", {class: `lamp ${detector.silent || detector.failed ? "quiet" : state}`, title: `${detector.id}: ${state}`},
        element("i", {role: "img", "aria-label": state}), element("span", {class: "name", title: alone ? tail : detector.id}));
    });
    return element("div", {}, element("h4", {}, ROLES[role] || role), element("ul", {}, ...lamps));
  }));
  fit([...$("detectors").querySelectorAll(".name")]);
}

$("list").addEventListener("keydown", (event) => {
  const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity};
  if (event.key === "Enter") $("detail").focus();
  if (!(event.key in steps) || !junctions.length) return;
  event.preventDefault();
  const place = junctions.findIndex((junction) => junction.id === chosen) + steps[event.key];
  choose(junctions[Math.min(junctions.length - 1, Math.max(0, place))].id, false); // the list keeps the focus and stays in sight
  $("list").querySelector("[aria-selected=true]").scrollIntoView({block: "nearest"});
});

// The part of the address behind # names the junction, so links within the page must not change it.
for (const [link, goal] of [["skip", "detail"], ["back", "list"]]) {
  $(link).addEventListener("click", (event) => {
    event.preventDefault();
    $(goal).focus();
    if (goal === "list") $("overview").scrollIntoView({block: "start"});
  });
}

$("legend").open = window.innerWidth >= 1500; // there is room for it
window.addEventListener("resize", () => { if (junctions.length) show(); });
watch(take, show);
