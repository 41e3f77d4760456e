/**
 * Images that were dropped, pasted or chosen: kept in this browser by their SHA-256, so that an address can name them.
 *
 * They are sent to the server only to be searched for, and it keeps none of them.
 */

const DATABASE = "lookalike";
const STORE = "uploads";
const MOST = 100;

const urls = new Map();
let opened = null;

/** Keep a file; returns its SHA-256. */
export async function keep(file) {
  const content = await file.arrayBuffer();
  const digest = await sha256(content);
  const one = { digest, blob: new Blob([content], { type: file.type }), name: file.name ?? "", time: Date.now() };
  memory.set(digest, one);
  put(one).catch(() => {}); // a private window may have no database: it is kept until the page is closed
  return digest;
}

const memory = new Map();

/** The file with this SHA-256, `{blob, name}`; null if it is not in this browser. */
export async function find(digest) {
  if (!memory.has(digest)) {
    const found = await request("readonly", (store) => store.get(digest)).catch(() => null);
    if (!found) return null;
    memory.set(digest, found);
  }
  return memory.get(digest);
}

/** An address at which this page can show the file; null if it is not in this browser. */
export async function urlOf(digest) {
  if (!urls.has(digest)) {
    const found = await find(digest);
    if (!found) return null;
    urls.set(digest, URL.createObjectURL(found.blob));
  }
  return urls.get(digest);
}

/** The image files among those that were dropped or pasted. */
export function imagesIn(transfer) {
  return [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/") || !file.type);
}

async function put(one) {
  await request("readwrite", (store) => store.put(one));
  const all = await request("readonly", (store) => store.getAllKeys());
  if (all.length <= MOST) return;
  const kept = await request("readonly", (store) => store.getAll());
  kept.sort((first, second) => second.time - first.time);
  for (const old of kept.slice(MOST)) await request("readwrite", (store) => store.delete(old.digest));
}

function database() {
  opened ??= new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "digest" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  return opened;
}

async function request(mode, make) {
  const store = (await database()).transaction(STORE, mode).objectStore(STORE);
  return new Promise((resolve, reject) => {
    const asked = make(store);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

/** SHA-256 in hexadecimal. Browsers compute it only for pages from this machine or by HTTPS; else a random name does. */
async function sha256(content) {
  const bytes = crypto.subtle
    ? new Uint8Array(await crypto.subtle.digest("SHA-256", content))
    : crypto.getRandomValues(new Uint8Array(32));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
