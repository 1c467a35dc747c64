// Copies the text that a button stands beside, and remembers whether the owner has folded the banner.

const SHOWN_MS = 2000, FOLDED = "vm-setup-folded";

// A page in a frame may not be let at the clipboard: then the text is selected, and copied the old way if that works.
async function put(node) {
  try {
    await navigator.clipboard.writeText(node.textContent);
    return true;
  } catch {
    const range = document.createRange(), selection = getSelection();
    range.selectNodeContents(node);
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  }
}

element.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const node = element.querySelector(`#${CSS.escape(button.dataset.copy)}`), name = button.textContent;
  if (button.dataset.name === undefined) button.dataset.name = name;
  const said = (await put(node)) ? button.dataset.done : button.dataset.else;
  button.textContent = said;
  const line = element.querySelector(".vm-copied");
  if (line) line.textContent = said;
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => {
    button.textContent = button.dataset.name;
    if (line) line.textContent = "";
  }, SHOWN_MS);
});

// Storage may be refused, as in a private window: then it opens again with the next page.
function kept(value) {
  try {
    if (value !== undefined) localStorage.setItem(FOLDED, value);
    return localStorage.getItem(FOLDED);
  } catch {
    return null;
  }
}

// What was folded stays so until something else is to do.
function fold() {
  const part = element.querySelector("details[data-setup]");
  if (part && kept() === part.dataset.setup) part.open = false;
}

element.addEventListener("toggle", (event) => {
  const part = event.target;
  if (part.dataset.setup !== undefined) kept(part.open ? "" : part.dataset.setup);
}, true);

watch("value", () => requestAnimationFrame(fold));
fold();
