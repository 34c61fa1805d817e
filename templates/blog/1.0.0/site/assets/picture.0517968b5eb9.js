// A picture of a post: its thumbnails are below /media, as WebP and as JPEG, in a few widths.

import { element } from "./dom.a19fdcd06e29.js";

const SHA256 = /^[0-9a-f]{64}$/;
const SMALLEST = 320; // there is always one of this name

/** The small picture, for a list; null when the post has none. */
export function thumbnail(sha256, alt = "") {
  return SHA256.test(sha256 ?? "") ? picture(sha256, { widths: [SMALLEST] }, "20rem", alt, "lazy") : null;
}

/** The picture in all widths that it has; null when the post has none. */
export async function wholePicture(sha256, alt = "") {
  if (!SHA256.test(sha256 ?? "")) return null;
  return picture(sha256, await about(sha256), "(min-width: 46rem) 44rem, 100vw", alt, "eager");
}

async function about(sha256) {
  try {
    const answer = await fetch(`/media/${sha256}/picture.json`);
    const { widths, width, height } = await answer.json();
    const good = [...widths].filter((one) => Number.isInteger(one) && one > 0).sort((a, b) => a - b);
    if (good.length) return { widths: good, width: Number(width), height: Number(height) };
  } catch {
    // not there, or none of ours: the smallest is shown
  }
  return { widths: [SMALLEST] };
}

function picture(sha256, { widths, width, height }, sizes, alt, loading) {
  const all = (type) => widths.map((one) => `/media/${sha256}/${one}.${type} ${one}w`).join(", ");
  const largest = `/media/${sha256}/${widths.at(-1)}.jpg`;
  const size = width > 0 && height > 0 ? { width, height } : {};
  return element(
    "picture",
    {},
    element("source", { type: "image/webp", srcset: all("webp"), sizes }),
    element("img", { src: largest, srcset: all("jpg"), sizes, alt, loading, decoding: "async", ...size }),
  );
}
