// The foot of the page: which model reads and how good it is, and how to call this very page from code. It also shows the page when all of it
// stands. Runs once, as js_on_load of the gr.HTML #foot, with its `element`.
const find = (selector) => element.querySelector(selector);
const space = window.gradio_config.space_id; // "owner/name" on a Space
const address = location.href.replace(/[?#].*/, "").replace(/\/$/, "");
const HUB = "https://huggingface.co";

const snippets = [
  `from gradio_client import Client, handle_file

client = Client("${space ?? address}")
answer = client.predict(handle_file("digit.png"), api_name="/predict")
print(answer["label"])`,
  `curl -F image=@digit.png ${address}/predict`,
  `const form = new FormData();
form.append("image", file); // a File or Blob
const reply = await fetch("${address}/predict", { method: "POST", body: form });
const { text, confidence } = await reply.json();`,
];
element.querySelectorAll("pre").forEach((pre, i) => {
  const copy = document.createElement("button");
  copy.textContent = say("copy");
  copy.hidden = !navigator.clipboard; // which browsers give to https and to this machine only
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(snippets[i]);
    } catch {
      return getSelection().selectAllChildren(pre); // in a frame that may not: Ctrl+C does it
    }
    copy.textContent = say("copied");
    setTimeout(() => (copy.textContent = say("copy")), 2000);
  });
  pre.textContent = snippets[i];
  pre.before(copy);
});

find("#code").href = `${HUB}/spaces/${space}/tree/main`;
find("#code").hidden = !space;
find("#duplicate").href = `${HUB}/spaces/${space}?duplicate=true`;
find("#duplicate").hidden = !space;

find("#api").addEventListener("click", () => document.querySelector("footer .show-api").click()); // Gradio's own view

// Which model answers, from the first health report on, and after every reading.
let served = null;
document.addEventListener("served", ({ detail: model }) => {
  if (served?.sha256 === model.sha256) return;
  served = model;
  find("#served").textContent = say("served", { model: named(model) });
  find("#card").href = `${HUB}/${model.repo_id}`;
  find("#card").hidden = !model.repo_id;
  if (find("details").open) tell();
});
find("details").addEventListener("toggle", () => find("details").open && tell());

function named({ source, repo_id, revision }) {
  return repo_id ? say("at", { repo: repo_id, revision: revision.slice(0, 7) }) : say(source);
}

async function tell() {
  const reply = await fetch("model").catch(() => null);
  if (!reply?.ok) return setTimeout(tell, 1000);
  const { metrics, since, ...model } = await reply.json();
  const { mnist_test: mnist, people } = metrics;
  const rows = [
    ["model", named(model)],
    ["since", new Intl.DateTimeFormat(locale, { calendar: "gregory", dateStyle: "medium", timeStyle: "short", numberingSystem: "latn" }).format(new Date(since))],
    ["mnist", mnist?.accuracy],
    ["drawings", people?.tablet_strokes],
    ["pictures", people?.pictures_mean_over_sources],
    ["refused", people?.tablet_letters_refused],
  ];
  find("dl").replaceChildren(
    ...rows
      .filter(([, value]) => value !== undefined)
      .flatMap(([key, value]) => [
        Object.assign(document.createElement("dt"), { textContent: say(key) }),
        Object.assign(document.createElement("dd"), { textContent: typeof value === "number" ? percent(value, 1) : value }),
      ]),
  );
}

(async function greet() {
  try {
    const health = await (await fetch("health")).json();
    if (health.model) return document.dispatchEvent(new CustomEvent("served", { detail: health.model }));
  } catch {} // tried again below
  setTimeout(greet, 1000);
})();

// Gradio makes the parts one by one; they are worded and shown together (page.css).
const GRADIOS = { "pad-tab-button": "sketchpad", "upload-tab-button": "upload", undo: "undo", clear: "clear", predict: "predict" };
const OWN = ["intro", "pad", "pen", "answer", "gallery", "foot"].map((id) => `#${id} [data-ready]`);
(function stand() {
  if (![...OWN, "#label", ...Object.keys(GRADIOS).map((id) => `#${id}`)].every((part) => document.querySelector(part)))
    return requestAnimationFrame(stand);
  for (const [id, key] of Object.entries(GRADIOS)) document.getElementById(id).textContent = say(key);
  document.title = say("title");
  const page = document.documentElement;
  page.lang = language;
  page.dir = language === "ar" ? "rtl" : "ltr";
  page.toggleAttribute("data-standing", true);
})();
