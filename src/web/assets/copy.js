// Buttons that copy a text of the server's. Hidden until here, since without script they could
// do nothing.

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

async function copy(button) {
  const says = document.getElementById(button.dataset.says);
  let isCopied = false;
  try {
    const answer = await fetch(button.dataset.copy);
    if (answer.ok) {
      await navigator.clipboard.writeText(await answer.text());
      isCopied = true;
    }
  } catch {
    // Told below.
  }
  says.className = isCopied ? "says good" : "says bad";
  says.textContent = isCopied ? button.dataset.copied : button.dataset.failed;
}
