// Asks anew for the parts of a page that say where they come from. Without it: reload the page.
"use strict";

const EVERY = 4000;
const part = document.querySelector("[data-refresh]");
const stale = document.querySelector("[data-stale]");

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(part.dataset.refresh);
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(answer.status);
  const focused = part.contains(document.activeElement) ? document.activeElement.outerHTML : null;
  part.innerHTML = await answer.text();
  for (const each of part.querySelectorAll("a, button")) {
    if (each.outerHTML === focused) each.focus();
  }
  stale.hidden = true;
}

function complain() {
  stale.textContent = stale.dataset.stale;
  stale.hidden = false;
}

async function go() {
  await refresh().catch(complain);
  setTimeout(go, EVERY);
}

if (part) setTimeout(go, EVERY);
