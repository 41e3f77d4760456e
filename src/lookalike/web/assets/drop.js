/** Images that are dropped on the page or pasted into it. */

import { fill, h, icon, say } from "./dom.js";
import { t } from "./texts.js";
import { imagesIn } from "./uploads.js";

/**
 * Listen for images. `take(files, isAdded)` gets them, to be searched for by themselves, or to be added to the query if
 * there is one: `hasQuery()`.
 */
export function listenForImages({ take, hasQuery }) {
  const area = document.getElementById("drop");
  let depth = 0;
  const begin = () => {
    fill(area, zone("image", hasQuery() ? "drop.new" : "drop.here", false), hasQuery() && zone("plus", "drop.add", true));
    area.showPopover(); // above the large view, too
  };
  const end = () => {
    depth = 0;
    area.hidePopover();
  };
  const on = (name, act) => window.addEventListener(name, (event) => {
    if (event.dataTransfer?.types?.includes("Files")) act(event);
  });
  on("dragenter", () => {
    if ((depth += 1) === 1) begin();
  });
  on("dragleave", () => {
    if ((depth -= 1) <= 0) end();
  });
  on("dragover", (event) => {
    event.preventDefault();
    mark(area, zoneAt(area, event));
  });
  on("drop", (event) => {
    event.preventDefault();
    const isAdded = zoneAt(area, event)?.dataset.added === "true";
    end();
    const files = imagesIn(event.dataTransfer);
    if (files.length) take(files, isAdded);
    else say(t("drop.no-image"));
  });
  window.addEventListener("paste", (event) => {
    const files = imagesIn(event.clipboardData);
    if (files.length) take(files, false);
  });
}

function zone(iconName, text, isAdded) {
  return h("div", { class: "zone", "data-added": String(isAdded) }, h("p", {}, icon(iconName), t(text)));
}

/** The half of the screen that an event is in: what is dropped has to hit no small target. */
function zoneAt(area, event) {
  const isIn = ({ left, top, right, bottom }) => event.clientX >= left && event.clientX <= right && event.clientY >= top && event.clientY <= bottom;
  return [...area.children].find((one) => isIn(one.getBoundingClientRect()));
}

function mark(area, chosen) {
  for (const one of area.children) one.classList.toggle("over", one === chosen);
}
