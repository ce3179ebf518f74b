// Several pictures at once: a table of what was read on each, to be saved as CSV. In front of upload.js, with its `element`.
const AT_ONCE = 4; // pictures in a request: the table fills while the rest is read, and four large photos keep within a call's limit
const panel = element.querySelector(".several");
const rows = panel.querySelector("tbody");
let pictures = []; // { file, reading, row } of each; none where a single picture is shown

// Shows a row for each file and reads them; `pick` is told the file of the row that is clicked.
async function several(files, pick) {
  for (const { row } of pictures) URL.revokeObjectURL(row.querySelector("img").src);
  const mine = (pictures = files.map((file) => ({ file, row: tableRow(file, pick) })));
  rows.replaceChildren(...mine.map(({ row }) => row));
  panel.hidden = !mine.length;
  current(rows.firstChild);
  for (const picture of mine) if (picture.file.size > largest) tell(picture, { error: say("not_read") });
  const unread = () => mine.filter(({ reading }) => !reading);
  let together = AT_ONCE;
  let pause = 1000;
  for (let left; mine === pictures && (left = unread()).length; ) {
    const some = left.slice(0, together);
    const body = new FormData();
    for (const { file } of some) body.append("image", file);
    try {
      const readings = await readingsOf(await fetch("predict", { method: "POST", body }));
      pause = 1000;
      together = readings.length === some.length ? AT_ONCE : 1; // all were refused for one of them: which one, each by itself tells
      if (together > 1 || some.length === 1) some.forEach((picture, k) => tell(picture, readings[k]));
    } catch {
      for (const picture of some) if (await gone(picture.file)) tell(picture, { error: say("unreadable") });
      await new Promise((done) => setTimeout(done, pause)); // then again, each by itself and less and less often
      together = 1;
      pause = Math.min(2 * pause, 8000);
    }
  }
}

function tableRow(file, pick) {
  const row = document.createElement("tr");
  row.innerHTML = '<td><button type="button"><img alt="" loading="lazy"><span dir="auto"></span></button></td><td>…</td><td></td>';
  row.querySelector("img").src = URL.createObjectURL(file);
  row.querySelector("span").textContent = file.name;
  row.querySelector("button").addEventListener("click", () => {
    current(row);
    pick(file);
  });
  return row;
}

// The row of the picture that the answer beside the table is about.
function current(row) {
  for (const each of rows.children) each.setAttribute("aria-current", each === row);
}

function tell(picture, reading) {
  picture.reading = reading;
  const [, answer, sure] = picture.row.cells;
  const verdicts = { blank: say("blank"), "not a digit": say("not_a_digit") };
  answer.textContent = reading.error ?? (reading.text || verdicts[reading.verdict]);
  answer.toggleAttribute("data-text", Boolean(reading.text));
  sure.textContent = reading.text ? percent(Math.min(reading.confidence, 0.999), 1) : "";
}

panel.querySelector(".csv").addEventListener("click", () => {
  const quoted = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
  const lines = pictures.map(({ file, reading = {} }) => [file.name, reading.text, reading.verdict, reading.confidence, reading.error]);
  const csv = [["file", "text", "verdict", "confidence", "error"], ...lines].map((line) => line.map(quoted).join(",")).join("\r\n");
  const link = document.createElement("a");
  link.download = "digits.csv";
  link.href = URL.createObjectURL(new Blob(["\ufeff", csv, "\r\n"], { type: "text/csv" })); // with the mark by which Excel knows UTF-8
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // Safari fetches it later
});
