// The page's sentences in the browser's language, from words.json, which Gradio sends along for its own parts. In front of every part's script.
const sentences = window.gradio_config.i18n_translations;
const language = [navigator.language, navigator.language.split("-")[0]].find((name) => name in sentences) ?? "en";
const say = (key, values = {}) => (sentences[language][key] ?? sentences.en[key]).replace(/\{(\w+)\}/g, (_, name) => values[name]);
for (const place of element.querySelectorAll("[data-say]")) place.textContent = say(place.dataset.say);
for (const place of element.querySelectorAll("[data-name]")) place.setAttribute("aria-label", say(place.dataset.name));
const percent = (p, decimals) =>
  new Intl.NumberFormat(language, { style: "percent", numberingSystem: "latn", maximumFractionDigits: decimals }).format(p);
