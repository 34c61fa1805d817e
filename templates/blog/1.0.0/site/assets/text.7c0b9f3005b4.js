// Plain text as people write it: paragraphs by blank lines, headings by "# ", addresses that can be followed.

import { element } from "./dom.a19fdcd06e29.js";

const HEADINGS = { "#": "h2", "##": "h3" };
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]+/gi;
const AFTER_AN_ADDRESS = /[.,;:!?)\]}]+$/;

/** The text as nodes. */
export function blocks(text) {
  const parts = text.replace(/\r\n?/g, "\n").split(/\n[ \t]*\n+/);
  return parts.flatMap((part) => (part.trim() ? block(part.trim()) : []));
}

function block(part) {
  const heading = /^(##?) +([^\n]+)(?:\n([\s\S]+))?$/.exec(part);
  if (!heading) return [element("p", {}, ...lines(part))];
  const [, marks, title, rest] = heading;
  return [element(HEADINGS[marks], {}, title.trim()), ...(rest ? block(rest.trim()) : [])];
}

function lines(part) {
  return part.split("\n").flatMap((line, number) => (number ? [element("br"), ...links(line)] : links(line)));
}

function links(line) {
  const nodes = [];
  let done = 0;
  for (const { 0: found, index } of line.matchAll(ADDRESS)) {
    const address = found.replace(AFTER_AN_ADDRESS, "");
    if (!isAddress(address)) continue;
    nodes.push(line.slice(done, index), element("a", { href: address, rel: "noopener nofollow ugc" }, address));
    done = index + address.length;
  }
  return [...nodes, line.slice(done)];
}

function isAddress(text) {
  try {
    return ["http:", "https:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}
