// The answer: asks POST /predict, words the reading, shows what the model sees. Runs once, as js_on_load of the gr.HTML #answer.
// One request is on its way at a time, then the newest wish; an answer to something cleared is dropped.
const [words, detail] = element.querySelectorAll("p");
const seen = element.querySelector("canvas");
const host = element.closest("#answer");
let wish = null; // what is to be read next: { request: () => fetch options, told: what else hears the reading }
let turn = 0; // counts clears
let busy = false;
let abort = null;

host.addEventListener("ask", (event) => {
  if (event.detail) {
    wish = event.detail;
    if (!busy) work();
  } else {
    turn += 1;
    wish = null;
    abort?.abort();
    show(null);
  }
});

async function work() {
  busy = true;
  while (wish) {
    const [asked, mine] = [wish, turn];
    wish = null;
    abort = new AbortController();
    const slow = setTimeout(() => mine === turn && detail.replaceChildren("Reading …"), 300);
    try {
      const reply = await fetch("predict?page=1", { method: "POST", signal: abort.signal, ...asked.request() });
      const reading = await reply.json();
      if (mine !== turn) continue;
      if (reply.status === 503) await again(asked, mine, reading.error, 1000);
      else {
        show(reading);
        asked.told?.(reading);
      }
    } catch {
      if (mine === turn) await again(asked, mine, "No connection. Trying again …", 1000);
    } finally {
      clearTimeout(slow);
    }
  }
  busy = false;
}

// Says why there is no answer, waits, and wishes the same again unless something newer was wished or all was cleared.
async function again(asked, mine, why, wait) {
  detail.textContent = why;
  await new Promise((done) => setTimeout(done, wait));
  if (mine === turn) wish ??= asked;
}

function show(reading) {
  const [first, second] = reading ? wording(reading) : ["", ""];
  words.textContent = first;
  words.toggleAttribute("data-text", Boolean(reading?.text));
  words.style.setProperty("--signs", Math.max(...first.split("\n").map((line) => line.length), 1));
  detail.textContent = second;
  draw(reading?.frames ?? []);
  if (reading?.model) served(reading.model);
  props.value = reading;
  trigger("change");
}

function wording(reading) {
  if (reading.error) return ["Sorry", reading.error];
  if (reading.verdict === "blank") return ["Nothing here yet", "Draw a digit, or choose a picture with one."];
  if (reading.verdict === "not a digit") return ["Not a digit", "It does not look like any of 0 to 9."];
  const [, next] = reading.label.confidences;
  return [reading.text, `${percent(reading.confidence)} sure` + (reading.confidence < 0.8 && next ? `, or perhaps ${next.label}` : "")];
}

// Never 100%: no reader is that sure.
const percent = (p) => `${(p >= 0.995 ? Math.min(p * 100, 99.9) : p * 100).toFixed(p >= 0.995 ? 1 : 0)}%`;

function draw(frames) {
  const columns = Math.ceil(Math.sqrt(frames.length)) || 1;
  seen.width = 28 * columns;
  seen.height = 28 * Math.ceil(frames.length / columns) || 28;
  element.toggleAttribute("data-seen", frames.length > 0);
  const paint = seen.getContext("2d");
  frames.forEach((frame, i) => {
    const ink = Uint8Array.from(atob(frame), (c) => c.charCodeAt(0));
    const pixels = paint.createImageData(28, 28);
    ink.forEach((v, p) => pixels.data.set([v, v, v, 255], 4 * p));
    paint.putImageData(pixels, 28 * (i % columns), 28 * Math.floor(i / columns));
  });
}

// Which model answers stands at the foot of the page, from the first health report on, and follows every reading.
function served(model) {
  const place = document.querySelector("#served");
  if (!place || place.dataset.sha256 === model.sha256) return;
  place.dataset.sha256 = model.sha256;
  const names = { bundled: "the model that comes with this app", path: "a model file of this machine" };
  place.textContent = names[model.source] ?? `${model.repo_id} at ${model.revision.slice(0, 7)}`;
}

(async function greet() {
  try {
    const health = await (await fetch("health")).json();
    if (health.model) return served(health.model);
  } catch {} // tried again below
  setTimeout(greet, 1000);
})();
element.toggleAttribute("data-ready", true); // the tests wait for it
