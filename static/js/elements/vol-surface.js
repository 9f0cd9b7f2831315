/**
 * <vol-surface>: a mesh of volatilities by delta and expiry, turned by pointer, arrow keys or the
 * buttons of its figure. Drawn on a 2D canvas from the JSON inside; the lightest is the highest.
 */

import { number } from "../lib/format.js";
import { channels, token } from "../lib/tokens.js";

const START = { turn: -0.62, tilt: 0.5 };
const TILT = [0.12, 1.25];
const STEP = 0.12;
const HEIGHT = 0.7; // of the widest volatility, over the mesh's width
const PX = 11;
const view = { ...START }; // kept when the server draws the element again

class VolSurface extends HTMLElement {
  connectedCallback() {
    this.canvas = this.querySelector("canvas");
    this.mesh = JSON.parse(this.querySelector("script").textContent);
    this.querySelector(".fallback")?.remove();
    this.redraw = () => this.#paint();
    this.watch = new ResizeObserver(this.redraw);
    this.watch.observe(this);
    document.addEventListener("themechange", this.redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.redraw);
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.canvas.addEventListener("pointerdown", (event) => this.#grab(event));
    this.figure = this.closest("figure");
    this.press = ({ target }) => this.#press(target.closest("[data-turn]")?.dataset.turn);
    this.figure?.addEventListener("click", this.press);
  }

  disconnectedCallback() {
    this.watch.disconnect();
    this.figure?.removeEventListener("click", this.press);
    document.removeEventListener("themechange", this.redraw);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.redraw);
  }

  #press(way) {
    if (!way) return;
    if (way === "reset") Object.assign(view, START);
    else view.turn += way === "left" ? -2 * STEP : 2 * STEP;
    this.#paint();
  }

  #key(event) {
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    this.#move(...move);
  }

  #grab(event) {
    const { canvas } = this;
    canvas.setPointerCapture(event.pointerId);
    const drag = (moved) => this.#move(moved.movementX / 160, moved.movementY / 160);
    canvas.addEventListener("pointermove", drag);
    canvas.addEventListener("pointerup", () => canvas.removeEventListener("pointermove", drag), { once: true });
    canvas.addEventListener("pointercancel", () => canvas.removeEventListener("pointermove", drag), { once: true });
  }

  #move(turn, tilt) {
    view.turn += turn;
    view.tilt = Math.min(TILT[1], Math.max(TILT[0], view.tilt + tilt));
    this.#paint();
  }

  #paint() {
    const { canvas, mesh } = this;
    const [width, height] = [this.clientWidth, this.clientHeight];
    if (!width || !height) return;
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    const ctx = canvas.getContext("2d");
    ctx.scale(devicePixelRatio, devicePixelRatio);
    const known = mesh.values.flat().filter((value) => value !== null);
    const range = [Math.min(...known), Math.max(...known)];
    const place = this.#projection(width, height, range);
    const ramp = [channels(this, "--h-0"), channels(this, "--accent")];
    ctx.strokeStyle = token(this, "--bg-1");
    ctx.lineWidth = 0.6;
    for (const quad of this.#quads(place)) {
      ctx.fillStyle = shade(ramp, (quad.level - range[0]) / (range[1] - range[0] || 1));
      ctx.beginPath();
      quad.corners.forEach(({ x, y }, index) => (index ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
      ctx.closePath();
      ctx.fill();
      ctx.stroke();
    }
    this.#label(ctx, place, range);
  }

  /** Where a column, a row and a volatility come to lie; later expiries stand behind. */
  #projection(width, height, range) {
    const { columns, rows } = this.mesh;
    const scale = Math.min(width / 1.55, height / 1.4);
    const [sin, cos] = [Math.sin(view.turn), Math.cos(view.turn)];
    const [lean, rise] = [Math.sin(view.tilt), Math.cos(view.tilt)];
    const spread = range[1] - range[0] || 1;
    return (column, row, value) => {
      const across = column / (columns.length - 1) - 0.5;
      const back = row / (rows.length - 1) - 0.5;
      const up = ((value - range[0]) / spread) * HEIGHT - HEIGHT / 2;
      const [x, depth] = [across * cos - back * sin, across * sin + back * cos];
      return { x: width / 2 + x * scale, y: height * 0.46 - (up * rise + depth * lean) * scale, depth };
    };
  }

  #quads(place) {
    const { values } = this.mesh;
    const quads = [];
    for (let row = 0; row + 1 < values.length; row += 1) {
      for (let column = 0; column + 1 < values[row].length; column += 1) {
        const cells = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
        const levels = cells.map(([r, c]) => values[r][c]);
        if (levels.includes(null)) continue;
        const corners = cells.map(([r, c], index) => place(c, r, levels[index]));
        const depth = corners.reduce((sum, corner) => sum + corner.depth, 0);
        quads.push({ corners, depth, level: levels.reduce((sum, one) => sum + one, 0) / 4 });
      }
    }
    return quads.sort((one, other) => other.depth - one.depth);
  }

  #label(ctx, place, range) {
    const { columns, rows } = this.mesh;
    ctx.font = `${PX}px ${getComputedStyle(this).fontFamily}`;
    ctx.fillStyle = token(this, "--ink-3");
    const front = place(0, 0, range[0]).depth < place(0, rows.length - 1, range[0]).depth ? 0 : rows.length - 1;
    const near = place(0, front, range[0]).depth < place(columns.length - 1, front, range[0]).depth;
    const edge = near ? 0 : columns.length - 1;
    ctx.textAlign = "center";
    columns.forEach((name, column) => {
      if (column % 3) return;
      const { x, y } = place(column, front, range[0]);
      ctx.fillText(name, x, y + 16);
    });
    const side = place(edge, front, 0).x < this.clientWidth / 2;
    ctx.textAlign = side ? "right" : "left";
    const every = Math.ceil(rows.length / 6);
    rows.forEach((name, row) => {
      if (row % every) return;
      const { x, y } = place(edge, row, range[0]);
      ctx.fillText(name, x + (side ? -8 : 8), y + 12);
    });
    ctx.textAlign = "left";
    ctx.fillText(`${number(range[0], 1)}% to ${number(range[1], 1)}%`, 4, PX + 2);
  }
}

function shade([low, high], share) {
  return `rgb(${low.map((value, index) => Math.round(value + (high[index] - value) * (0.15 + 0.85 * share))).join(" ")})`;
}

customElements.define("vol-surface", VolSurface);
