// The page's sentences in the browser's language, and what a reply says in them, for every part's script. Runs once, in the head, after
// `sentences`, words.json, and `largest`, the bytes of the largest file that is read.
const language = [navigator.language, navigator.language.split("-")[0]].find((name) => name in sentences) ?? "en";
const say = (key, values = {}) => (sentences[language][key] ?? sentences.en[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
// The numbers and dates of the visitor's country, where the language is the visitor's too.
const locale = navigator.language.startsWith(language) ? navigator.language : language;
const percent = (p, decimals) =>
  new Intl.NumberFormat(locale, { style: "percent", numberingSystem: "latn", maximumFractionDigits: decimals }).format(p);

// The server tells in English what was wrong and what to do; in other languages less is told, and that it can be understood.
const refusal = (sentence, key) => (language === "en" ? sentence : say(key));

// Raised by readingsOf() for a reply after which the same may be asked again.
class Busy extends Error {}

// What a reply of POST /predict says, as a list. It may be a page of whatever stands in front of the app.
async function readingsOf(reply) {
  const told = await reply.json().catch((error) => {
    if (!(error instanceof SyntaxError)) throw error;
  });
  if ([429, 502, 503, 504].includes(reply.status) || (!told && (reply.ok || reply.status >= 500))) throw new Busy(refusal(told?.error ?? say("busy"), "busy"));
  const readings = reply.ok ? [told].flat() : [{ error: told?.error ?? say("not_read") }];
  for (const each of readings) if (each.error) each.error = refusal(each.error, "not_read");
  return readings;
}

// Whether a file cannot be read: a folder that was dropped, or a file that has changed since. To fetch() it is like a lost connection.
const gone = (file) => file.slice(0, 1).arrayBuffer().then(() => false, () => true);

// Words what a part's template leaves to it.
function word(element) {
  for (const place of element.querySelectorAll("[data-say]")) place.textContent = say(place.dataset.say);
  for (const place of element.querySelectorAll("[data-name]")) place.setAttribute("aria-label", say(place.dataset.name));
}
