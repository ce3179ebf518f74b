// The answer: asks POST /predict, words the reading, shows what the model sees. Runs once, as js_on_load of the gr.HTML #answer.
// One request is on its way at a time, then the newest wish; an answer to something cleared is dropped.
const [words, detail, made] = element.querySelectorAll("p");
const seen = element.querySelector("canvas");
const heat = element.querySelector("button");
words.dataset.rest = say("rest");
const host = element.closest("#answer");
// What is to be read next: { request: () => fetch options, query: more of them, told: what else hears the reading, file: the picture's,
// fresh: whether it is something else than before, so that the answer in sight is none to it }.
let wish = null;
let last = null; // the wish that the answer in sight fulfils
let turn = 0; // counts what was cleared or put in another's place
let busy = false;
let asking = null; // the wish that is asked, or tried again soon
let abort = null;
let wake = null; // ends the pause before it is tried again

host.addEventListener("ask", ({ detail: wanted }) => {
  const same = asking?.file && asking.file === wanted?.file && asking.query === wanted.query;
  if (same && performance.now() - asking.since < 20_000) return wake?.(); // it is on its way, and does not hang
  if (!wanted || wanted.fresh) {
    turn += 1;
    wish = last = asking = null;
    abort?.abort();
    wake?.();
  }
  if (wanted) want(wanted);
  else show(null);
});
host.addEventListener("failed", () => (detail.textContent = say("offline")));
heat.addEventListener("click", () => last && want({ ...last, heat: !last.heat, tries: 0 }));

function want(wanted) {
  wish = wanted;
  if (!busy) work();
}

async function work() {
  busy = true;
  while (wish) {
    const [asked, mine] = [wish, turn];
    [asking, wish] = [asked, null];
    asked.since = performance.now();
    abort = new AbortController();
    const slow = setTimeout(() => {
      if (mine !== turn) return;
      if (!last) show(null);
      detail.textContent = say("reading");
    }, 300);
    const hung = asked.file ? 0 : setTimeout(() => abort.abort(), 25_000); // a drawing is small; the app itself waits 20 seconds for a model
    try {
      const [reading] = await readingsOf(await sent(asked).finally(() => clearTimeout(slow)));
      if (mine !== turn) continue;
      last = asked;
      show(reading);
      asked.told?.(reading);
    } catch (error) {
      const lost = asked.file && (await gone(asked.file));
      if (mine !== turn) continue;
      if (lost) show({ error: say("unreadable") });
      else await again(asked, mine, error instanceof Busy ? error.message : say("offline"));
    } finally {
      clearTimeout(hung);
      if (mine === turn) asking = null;
    }
  }
  busy = false;
}

async function sent(asked) {
  if (asked.file?.size > largest) return new Response(null, { status: 413 }); // as the server would say, when all of it was sent
  const query = `page=1${asked.query ?? ""}${asked.heat ? "&heat=1" : ""}`;
  return fetch(`predict?${query}`, { method: "POST", signal: abort.signal, ...asked.request() });
}

// Says why there is no answer, waits, and wishes the same again unless something newer was wished or all was cleared. A file is sent
// less and less often.
async function again(asked, mine, why) {
  if (!last) show(null);
  detail.textContent = why;
  asked.tries = (asked.tries ?? 0) + 1;
  await new Promise((done) => setTimeout((wake = done), asked.file ? Math.min(500 * 2 ** asked.tries, 8000) : 1000));
  wake = null;
  if (mine === turn) wish ??= asked;
}

function show(reading) {
  const [first, second] = reading ? wording(reading) : ["", ""];
  words.textContent = first;
  words.toggleAttribute("data-text", Boolean(reading?.text));
  const lines = first.split("\n");
  words.style.setProperty("--lines", lines.length);
  words.style.setProperty("--signs", Math.max(...lines.map((line) => line.length), 1));
  detail.textContent = second;
  made.textContent = reading?.made?.length ? say("made", { list: listed.format(reading.made.map((step) => say(step))) }) : "";
  draw(reading?.frames ?? [], reading?.heat);
  if (reading?.model) document.dispatchEvent(new CustomEvent("served", { detail: reading.model }));
  for (const bar of reading?.label?.confidences ?? []) bar.confidence = Math.min(bar.confidence, 0.994); // the bars round: never 100% there either
  props.value = reading;
  trigger("change");
}

function wording(reading) {
  if (reading.error) return [say("sorry"), reading.error];
  if (reading.verdict === "blank") return [say("blank"), say("blank_more")];
  if (reading.verdict === "not a digit") return [say("not_a_digit"), say("not_a_digit_more")];
  const [, next] = reading.label.confidences;
  const sure = percent(Math.min(reading.confidence, 0.999), reading.confidence < 0.995 ? 0 : 1); // never 100%: no reader is that sure
  return [reading.text, reading.confidence < 0.8 && next ? say("unsure", { percent: sure, other: `\u2066${next.label}\u2069` }) : say("sure", { percent: sure })];
}

const listed = new Intl.ListFormat(language, language === "zh" ? { type: "conjunction", style: "narrow" } : { type: "unit" }); // Chinese units have nothing between

// The frames side by side; where the heat is told, what mattered glows.
function draw(frames, heats) {
  const columns = Math.ceil(Math.sqrt(frames.length)) || 1;
  seen.width = 28 * columns;
  seen.height = 28 * Math.ceil(frames.length / columns) || 28;
  element.toggleAttribute("data-seen", frames.length > 0);
  heat.setAttribute("aria-pressed", Boolean(heats));
  const paint = seen.getContext("2d");
  const bytes = (told) => Uint8Array.from(atob(told), (c) => c.charCodeAt(0));
  frames.forEach((frame, i) => {
    const pixels = paint.createImageData(28, 28);
    const glow = heats?.[i] && bytes(heats[i]);
    bytes(frame).forEach((v, p) => {
      const h = glow ? glow[p] / 255 : 0;
      pixels.data.set([v + (255 - v) * h, v + (150 - v) * h, v * (1 - h), 255], 4 * p);
    });
    paint.putImageData(pixels, 28 * (i % columns), 28 * Math.floor(i / columns));
  });
}
