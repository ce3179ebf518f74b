// The page's sentences in the browser's language, for every part's script. Runs once, in the head, after `sentences`: words.json.
const language = [navigator.language, navigator.language.split("-")[0]].find((name) => name in sentences) ?? "en";
const say = (key, values = {}) => (sentences[language][key] ?? sentences.en[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
const percent = (p, decimals) =>
  new Intl.NumberFormat(language, { style: "percent", numberingSystem: "latn", maximumFractionDigits: decimals }).format(p);

// Words what a part's template leaves to it.
function word(element) {
  for (const place of element.querySelectorAll("[data-say]")) place.textContent = say(place.dataset.say);
  for (const place of element.querySelectorAll("[data-name]")) place.setAttribute("aria-label", say(place.dataset.name));
}
