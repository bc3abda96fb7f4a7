// The pages work without this. It moves the focus to what went wrong, counts down, and copies, saves and prints codes.
"use strict";
for (const each of document.querySelectorAll("[data-enhanced], [data-copy]")) each.hidden = false;
document.querySelector("[data-focus]")?.focus();

for (const each of document.querySelectorAll("[data-countdown]")) {
  const until = Date.now() + 1000 * Number(each.dataset.countdown);
  const tick = () => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    each.textContent = left ? `(${left})` : "";
    if (left) setTimeout(tick, 250);
  };
  tick();
}

for (const each of document.querySelectorAll("time[data-clock]")) {
  each.textContent = new Date(each.dateTime).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
}

for (const each of document.querySelectorAll("[data-ending]")) {
  setTimeout(() => { each.firstElementChild.hidden = false; }, Math.max(0, 1000 * Number(each.dataset.ending)));
}

const textOf = (id) => {
  const place = document.getElementById(id);
  const lines = [...place.querySelectorAll("li")].map((line) => line.textContent.trim());
  return lines.length ? lines.join("\n") + "\n" : place.textContent.replaceAll(" ", "").trim();
};

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(textOf(button.dataset.copy));
    button.dataset.done = "";
    button.textContent = `✓ ${button.textContent.replace("✓ ", "")}`;
  });
}

for (const button of document.querySelectorAll("button[data-download]")) {
  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([textOf(button.dataset.download)], { type: "text/plain" }));
    link.download = button.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

for (const button of document.querySelectorAll("button[data-print]")) button.addEventListener("click", () => print());

// A second press of a button sends nothing again: the first answer is on its way.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", (event) => {
  for (const form of document.forms) delete form.dataset.sent;
  if (event.persisted) location.reload();
});
