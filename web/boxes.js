// Frames each digit that was read on an <svg> and writes it there, in the units of the svg's view box, `margin` around it.
// In front of pad.js and upload.js.
function outline(svg, digits, margin = 0) {
  const shape = (name, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const size = Math.max(...digits.map(({ box }) => box[3])) / 5; // of the signs, which stand just over their boxes where there is room
  svg.replaceChildren(
    ...digits.flatMap(({ digit, box: [x, y, width, height] }) => [
      shape("rect", { x: x - margin, y: y - margin, width: width + 2 * margin, height: height + 2 * margin }),
      shape("text", { x: x - margin, y: Math.max(y - margin - size / 4, size), "font-size": size }, digit),
    ]),
  );
}
