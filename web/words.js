// The page's sentences in the browser's language, for every part's script. Runs once, in the head, after `sentences`: words.json.
const language = [navigator.language, navigator.language.split("-")[0]].find((name) => name in sentences) ?? "en";
const say = (key, values = {}) => (sentences[language][key] ?? sentences.en[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
// The numbers and dates of the visitor's country, where the language is the visitor's too.
const locale = navigator.language.startsWith(language) ? navigator.language : language;
const percent = (p, decimals) =>
  new Intl.NumberFormat(locale, { style: "percent", numberingSystem: "latn", maximumFractionDigits: decimals }).format(p);

// The server tells in English what was wrong and what to do; in other languages less is told, and that it can be understood.
const refusal = (sentence, key) => (language === "en" ? sentence : say(key));

// Whether a file cannot be read: a folder that was dropped, or a file that has changed since. To fetch() it is like a lost connection.
const gone = (file) => file.slice(0, 1).arrayBuffer().then(() => false, () => true);

// Words what a part's template leaves to it.
function word(element) {
  for (const place of element.querySelectorAll("[data-say]")) place.textContent = say(place.dataset.say);
  for (const place of element.querySelectorAll("[data-name]")) place.setAttribute("aria-label", say(place.dataset.name));
}
