// The picture: chosen here or brought by gallery.js, shown with what was found on it. Runs once,
// as js_on_load of the gr.HTML #upload, with its `element`; speaks to #answer as pad.js does.
const input = element.querySelector("input");
const image = element.querySelector("img");
const boxes = element.querySelector("svg");
let file = null;

const inSight = () => element.offsetParent !== null;

function read() {
  const mine = file;
  const request = () => {
    const body = new FormData();
    body.append("image", mine);
    return { body };
  };
  const told = (reading) => mine === file && outline(boxes, reading.digits ?? []);
  const detail = mine && { request, told };
  document.querySelector("#answer").dispatchEvent(new CustomEvent("ask", { detail }));
}

function open(chosen) {
  file = chosen;
  input.value = ""; // so that the same file can be chosen again
  URL.revokeObjectURL(image.src);
  image.src = file ? URL.createObjectURL(file) : "";
  image.alt = file?.name ?? "";
  outline(boxes, []);
  element.toggleAttribute("data-chosen", file !== null);
  read();
}

image.addEventListener("load", () => boxes.setAttribute("viewBox", `0 0 ${image.naturalWidth} ${image.naturalHeight}`));
input.addEventListener("change", () => input.files.length && open(input.files[0]));
document.addEventListener("clear", () => inSight() && open(null));
document.addEventListener("read", () => inSight() && read());
element.toggleAttribute("data-ready", true); // gallery.js waits for it
