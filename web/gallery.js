// Pictures from elsewhere on the page: the gallery's, dropped and pasted ones go to the Upload tab as if they were chosen there.
// Runs once, as js_on_load of the gr.HTML #gallery, with its `element`.
async function bring(...brought) {
  document.querySelector("#upload-tab-button").click();
  let input; // Gradio makes a tab's content when it is first opened
  while (!(input = document.querySelector("#upload [data-ready] input"))) await new Promise(requestAnimationFrame);
  const files = new DataTransfer();
  for (const file of brought) files.items.add(file);
  input.files = files.files;
  input.dispatchEvent(new Event("change"));
}

for (const button of element.querySelectorAll("button")) {
  const picture = button.firstChild;
  button.title = picture.alt = [picture.alt, say(button.dataset.shows)].filter(Boolean).join(", "); // an own picture may be just 7.png
}
element.addEventListener("click", async (event) => {
  const picture = event.target.closest("button")?.querySelector("img");
  if (!picture) return;
  try {
    const reply = await fetch(picture.src, { cache: "force-cache" }); // it is in sight, so it is here, without a connection too
    if (!reply.ok) throw new Error(reply.status);
    const data = await reply.blob();
    bring(new File([data], picture.alt, { type: data.type }));
  } catch {
    document.querySelector("#answer").dispatchEvent(new Event("failed"));
  }
});
document.addEventListener("paste", (event) => event.clipboardData.files.length && bring(...event.clipboardData.files));
for (const name of ["dragover", "drop"])
  document.addEventListener(name, (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault(); // or the browser would leave the page for the file
    if (name === "drop") bring(...event.dataTransfer.files);
  });
