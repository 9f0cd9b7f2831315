/** A design token's value as a color that a canvas understands, whatever function wrote it. */

export function token(element, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

/** The same as numbers: red, green, blue, 0 to 255. */
export function channels(element, name) {
  return token(element, name).match(/[\d.]+/g).slice(0, 3).map(Number);
}
