// The picture: chosen here or brought by gallery.js, shown with what was found on it; of several, see several.js. Runs once,
// as js_on_load of the gr.HTML #upload, with its `element`; speaks to #answer as pad.js does.
const input = element.querySelector("input");
const image = element.querySelector("img");
const boxes = element.querySelector("svg");
let file = null;
let unseen = false; // whether the browser cannot show the file itself, as most cannot show HEIC

const inSight = () => element.offsetParent !== null;

function read(fresh = false) {
  const mine = file;
  const request = () => {
    const body = new FormData();
    body.append("image", mine);
    return { body };
  };
  const told = (reading) => mine === file && found(reading);
  const detail = mine && { request, told, fresh, file: mine, query: unseen ? "&preview=1" : "" };
  document.querySelector("#answer").dispatchEvent(new CustomEvent("ask", { detail }));
}

function found(reading) {
  if (reading.preview) show(reading.preview);
  boxes.setAttribute("viewBox", `0 0 ${reading.size?.join(" ") ?? "1 1"}`);
  outline(boxes, reading.digits ?? []);
}

function show(address) {
  URL.revokeObjectURL(image.src);
  element.toggleAttribute("data-shown", false);
  image.src = address;
}

function open(files) {
  several(files.length > 1 ? files : [], pick);
  pick(files[0] ?? null);
}

function pick(chosen) {
  file = chosen;
  unseen = false;
  input.value = ""; // so that the same file can be chosen again
  show(file ? URL.createObjectURL(file) : "");
  image.alt = file?.name ?? "";
  outline(boxes, []);
  read(true);
}

image.addEventListener("load", () => element.toggleAttribute("data-shown", true));
image.addEventListener("error", () => {
  if (unseen || !image.getAttribute("src")) return;
  unseen = true;
  read();
});
input.addEventListener("change", () => input.files.length && open([...input.files]));
element.querySelector(".camera").addEventListener("click", () => {
  input.setAttribute("capture", "environment"); // a phone then opens its camera, and no list of files
  input.click();
  input.removeAttribute("capture");
});
document.addEventListener("clear", () => inSight() && open([]));
document.addEventListener("read", () => inSight() && read());
document.addEventListener("shown", () => inSight() && read(true));
