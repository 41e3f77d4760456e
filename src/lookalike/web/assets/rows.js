/** Rows of images that keep their shapes: each row but the last of a section is as wide as the page. */

export const GAP = 8;
export const CAPTION = 24;
export const HEADING = 44;

const NARROWEST = 0.45;
const WIDEST = 3.2;

/** The width by the height that an image is shown with: a very narrow or wide one is cropped. */
export function shape(item) {
  return Math.min(WIDEST, Math.max(NARROWEST, item.ratio));
}

/**
 * The rows of all `items` on a page of this `width`, in pixels, with `options` of the grid: each has `start` and `count`,
 * `top` and `height`, that of its images alone (`image`), and the key of the `heading` above it, or null. `known` are the
 * rows of the first items, as they were before others came.
 */
export function rowsOf(items, width, options, known = []) {
  const rows = known.slice(0, -1); // the last one may not have been full
  const before = rows.at(-1);
  const caption = options.captions ? CAPTION : 0;
  const keyOf = (place) => options.section?.keyOf(items[place]) ?? "";
  let start = before ? before.start + before.count : 0;
  let top = before ? before.top + before.height + GAP : 0;
  let section = before ? keyOf(start - 1) : "";
  let [ratios, heading] = [0, null];
  const end = (last) => {
    const free = width - GAP * (last - start - 1);
    const isLast = ratios * options.height < free;
    const image = Math.round(isLast ? options.height : free / ratios);
    if (heading !== null) top += HEADING;
    rows.push({ start, count: last - start, top, height: image + caption, image, isLast, heading });
    top += image + caption + GAP;
    [start, ratios, heading] = [last, 0, null];
  };
  for (let place = start; place < items.length; place += 1) {
    const own = keyOf(place);
    if (own !== section) {
      if (start < place) end(place);
      [section, heading] = [own, own];
    }
    ratios += shape(items[place]);
    if (ratios * options.height >= width - GAP * (place - start)) end(place + 1);
  }
  if (start < items.length) end(items.length);
  return rows;
}
