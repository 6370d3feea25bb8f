"use strict";
// The picture comes once a second over one WebSocket. This part keeps that alive, asks for a key where one is needed,
// and says loudly when nothing comes any more: a page that still looks well while the service is dead is worse than none.
import {$} from "./elements.js";

const STALE_AFTER_S = 2.5, ABANDON_AFTER_S = 8, TICK_MS = 250, RETRY_MS = 2000, ANSWER_MS = 4000;
const REFUSED = {401: "This key is not known.", 403: "This key lacks the scope “read”."};
let key = sessionStorage.getItem("key"), socket = null, onPicture, onChange;
let heard_s = 0, tried_s = 0, arrived = null, state = "connecting";

const now_s = () => performance.now() / 1000;
const clock = (date) => date.toLocaleTimeString("en-GB");

/** Give each picture to `take`, and call `change` when what is shown has become stale or fresh again. */
export function watch(take, change) {
  [onPicture, onChange] = [take, change];
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    key = $("key").value.trim();
    sessionStorage.setItem("key", key);
    connect();
  });
  setInterval(look, TICK_MS);
  document.addEventListener("visibilitychange", look); // a hidden page's timer sleeps
  connect();
}

export const isStale = () => state !== "live";

function connect() {
  const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/board/stream`;
  let mine, opened = false;
  try {
    mine = socket = new WebSocket(address, ["ampelwerk.v1"].concat(key ? [`key.${key}`] : []));
  } catch { // with letters that no key has; it was mistyped
    return askForKey(401);
  }
  tried_s = now_s();
  mine.onopen = () => { opened = true; };
  mine.onmessage = (message) => { if (mine === socket) receive(JSON.parse(message.data)); };
  mine.onclose = async () => {
    if (mine !== socket) return;
    socket = null;
    if (opened) enter("lost");
    const refusal = opened ? null : await refusedWith();
    if (refusal) return askForKey(refusal);
    enter("lost");
    setTimeout(connect, RETRY_MS);
  };
}

/** A browser does not tell why a WebSocket was refused; a plain call does. */
async function refusedWith() {
  const headers = key ? {Authorization: `Bearer ${key}`} : {};
  const answer = await fetch("/v1/board", {headers, signal: AbortSignal.timeout(ANSWER_MS)}).catch(() => null);
  return answer && answer.status in REFUSED ? answer.status : null;
}

function askForKey(refusal) {
  enter("needs a key");
  $("key-problem").textContent = key ? REFUSED[refusal] : "";
  $("key").focus();
}

function receive(picture) {
  const asked = !$("key-form").hidden;
  [heard_s, arrived] = [now_s(), new Date()];
  $("updated").textContent = clock(arrived);
  enter("live");
  onPicture(picture);
  if (asked) $("list").focus(); // the field that had the focus has gone
}

function look() {
  if (state === "live" && now_s() - heard_s > STALE_AFTER_S) enter("lost");
  if (state === "lost") tellAge();
  // A connection whose other end has vanished without a word stays open for minutes.
  if (socket && now_s() - Math.max(heard_s, tried_s) > ABANDON_AFTER_S) {
    const old = socket;
    enter("lost");
    connect();
    old.close();
  }
}

function enter(next) {
  if (next === state) return;
  state = next;
  const lost = state === "lost";
  $("connection").textContent = lost ? "no connection" : state;
  $("key-form").hidden = state !== "needs a key";
  // Until there is a picture, and where a key is missing, there is nothing to look at.
  $("content").hidden = arrived === null || state === "needs a key";
  document.body.classList.toggle("stale", isStale());
  $("lost").hidden = !lost;
  document.title = lost ? "No connection – Ampelwerk" : "Ampelwerk";
  $("lost-since").textContent = lost ? `No connection since ${clock(arrived || new Date())}` : "";
  tellAge();
  onChange();
}

function tellAge() {
  const age_s = Math.round(now_s() - heard_s);
  $("lost-age").textContent = arrived === null ? "nothing was received yet" : `values below are ${age_s < 120 ? `${age_s} s` : `${Math.floor(age_s / 60)} min`} old`;
}
