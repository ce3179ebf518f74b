// The drawing pad: pointer to strokes to a smooth line. Runs once, as js_on_load of the gr.HTML #pad, with its `element`.
// Asks for a reading by the event "ask" on #answer; "clear", "undo", "read" and "shown" on the document, from buttons and tabs, are for
// whatever is in sight.
const canvas = element.querySelector("canvas");
const paint = canvas.getContext("2d");
const boxes = element.querySelector("svg");
let strokes = []; // each a list of [x, y, width], in CSS pixels of the pad as it was when the drawing began
let began = null; // that pad's [width, height]
let pen = null; // the pointer that draws, as it came down
let line = 0; // its width where it is not pressed

function read(fresh = false) {
  const points = () => strokes.map((stroke) => stroke.map(([x, y]) => [Math.round(x * 10) / 10, Math.round(y * 10) / 10]));
  const sheet = began && { width: began[0], height: began[1], line };
  const request = () => ({ headers: { "Content-Type": "application/json" }, body: JSON.stringify({ strokes: points(), sheet }) });
  const drawn = strokes;
  const told = (reading) => drawn === strokes && outline(boxes, reading.digits ?? [], line);
  const detail = strokes.length ? { request, told, fresh } : null;
  document.querySelector("#answer").dispatchEvent(new CustomEvent("ask", { detail }));
}

// A drawing begun on another size of the pad (a phone that was turned) is shown as large as it fits.
const scale = () => (began ? Math.min(canvas.clientWidth / began[0], canvas.clientHeight / began[1]) : 1);

function fit() {
  if (!canvas.clientWidth) return; // in a hidden tab
  canvas.width = canvas.clientWidth * devicePixelRatio;
  canvas.height = canvas.clientHeight * devicePixelRatio;
  redraw();
}

function redraw() {
  paint.setTransform(1, 0, 0, 1, 0, 0);
  paint.clearRect(0, 0, canvas.width, canvas.height);
  const k = (canvas.width / canvas.clientWidth) * scale(); // not devicePixelRatio, which may be another by now
  paint.setTransform(k, 0, 0, k, 0, 0);
  paint.lineCap = paint.lineJoin = "round";
  paint.strokeStyle = getComputedStyle(canvas).color;
  for (const stroke of strokes) {
    for (let i = 0; i < stroke.length; i++) segment(stroke, i);
    finish(stroke);
  }
  element.toggleAttribute("data-drawn", strokes.length > 0);
}

// The line from the middle before point i - 1 to the middle after it, bent at that point: curves stay round where points are few.
function segment(stroke, i) {
  const [x, y, width] = stroke[i];
  const [x1, y1] = stroke[Math.max(i - 1, 0)];
  const [x2, y2] = stroke[Math.max(i - 2, 0)];
  paint.lineWidth = width;
  paint.beginPath();
  paint.moveTo((x1 + x2) / 2, (y1 + y2) / 2);
  paint.quadraticCurveTo(x1, y1, (x + x1) / 2, (y + y1) / 2);
  paint.stroke();
}

function finish(stroke) {
  const [x, y, width] = stroke[stroke.length - 1];
  const [x1, y1] = stroke[Math.max(stroke.length - 2, 0)];
  paint.lineWidth = width;
  paint.beginPath();
  paint.moveTo((x + x1) / 2, (y + y1) / 2);
  paint.lineTo(x, y);
  paint.stroke();
}

function point(event) {
  const pad = canvas.getBoundingClientRect();
  const k = scale();
  const x = (event.clientX - pad.left - canvas.clientLeft) / k;
  const y = (event.clientY - pad.top - canvas.clientTop) / k;
  const pressure = event.pointerType === "pen" && event.pressure ? 0.4 + 1.2 * event.pressure : 1;
  return [x, y, line * pressure];
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  if (pen && (pen.pointerType === "pen" || event.pointerType !== "pen")) return;
  if (pen) keep(strokes.slice(0, -1)); // the hand came down before its pen
  canvas.setPointerCapture(event.pointerId);
  pen = event;
  element.toggleAttribute("data-down", true);
  began ??= [canvas.clientWidth, canvas.clientHeight];
  line = document.querySelector("#pen input").valueAsNumber * Math.min(...began);
  boxes.setAttribute("viewBox", `0 0 ${began.join(" ")}`);
  strokes.push([point(event)]);
  redraw();
  read();
});
canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pen?.pointerId) return;
  const stroke = strokes[strokes.length - 1];
  const passed = event.getCoalescedEvents?.() ?? [];
  for (const each of passed.length ? passed : [event]) {
    stroke.push(point(each));
    segment(stroke, stroke.length - 1);
  }
  read();
});
canvas.addEventListener("pointercancel", (event) => event.pointerId === pen?.pointerId && keep(strokes.slice(0, -1))); // a palm, no pen
for (const end of ["pointerup", "lostpointercapture"])
  canvas.addEventListener(end, (event) => {
    if (event.pointerId !== pen?.pointerId) return;
    up();
    finish(strokes[strokes.length - 1]);
    read();
  });

function up() {
  pen = null;
  element.toggleAttribute("data-down", false); // the boxes are out of sight until here
}

function keep(kept) {
  up();
  strokes = kept;
  outline(boxes, []);
  if (!strokes.length) began = null;
  redraw();
  read();
}

const inSight = () => element.offsetParent !== null;
const undo = () => inSight() && keep(strokes.slice(0, -1));
document.addEventListener("clear", () => inSight() && keep([]));
document.addEventListener("undo", undo);
document.addEventListener("read", () => inSight() && read());
document.addEventListener("shown", () => inSight() && read(true));
document.addEventListener("keydown", (event) => {
  const z = /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() === "z" : event.code === "KeyZ"; // where the keys have no Latin letters
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && z) undo();
});
new ResizeObserver(fit).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => requestAnimationFrame(redraw));
