/**
 * <pulse-plot data-lib="URL">: lines over a common axis and bars from bid to ask, drawn by uPlot
 * from the JSON inside; nothing is computed here. Without the library its text stays.
 */

import { number } from "../lib/format.js";
import { token } from "../lib/tokens.js";

const FONT_PX = 11;
const ROOM = 0.06; // share of the range above and below

class PulsePlot extends HTMLElement {
  async connectedCallback() {
    const source = this.querySelector("script");
    if (!source || !this.dataset.lib) return;
    this.data = JSON.parse(source.textContent);
    try {
      this.lib = (await import(this.dataset.lib)).default;
    } catch {
      return; // the fallback text stays
    }
    if (!this.isConnected) return;
    this.querySelector(".fallback")?.remove();
    this.legend = this.#legend();
    this.#draw();
    this.watch = new ResizeObserver(() => this.plot?.setSize(this.#size()));
    this.watch.observe(this);
    this.redraw = () => this.#draw();
    document.addEventListener("themechange", this.redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.redraw);
  }

  disconnectedCallback() {
    this.watch?.disconnect();
    this.plot?.destroy();
    document.removeEventListener("themechange", this.redraw);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.redraw);
  }

  #size() {
    return { width: this.clientWidth, height: this.clientHeight - this.legend.offsetHeight };
  }

  #draw() {
    this.plot?.destroy();
    const { x, lines } = this.data;
    this.plot = new this.lib(this.#options(), [x, ...lines.map((line) => line.values)], this);
    this.plot.root.setAttribute("aria-hidden", "true");
  }

  #options() {
    const font = `${FONT_PX}px ${getComputedStyle(this).fontFamily}`;
    const grid = { stroke: token(this, "--line-soft"), width: 1 };
    const axis = { stroke: token(this, "--ink-3"), font, grid, ticks: { ...grid, size: 4 } };
    return {
      ...this.#size(),
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: false, range: () => this.#across() }, y: { range: () => this.#up() } },
      axes: [
        { ...axis, size: 28, values: (_, ticks) => ticks.map((tick) => number(tick, tick % 1 ? 2 : 0)) },
        { ...axis, size: 44, values: (_, ticks) => ticks.map((tick) => number(tick, 1)) },
      ],
      series: [
        {},
        ...this.data.lines.map((line) => ({
          label: line.label,
          stroke: token(this, line.token),
          width: line.width,
          dash: line.dash.length ? line.dash : undefined,
          points: { show: false },
        })),
      ],
      hooks: { drawAxes: [(plot) => this.#marks(plot)], draw: [(plot) => this.#bars(plot)], setCursor: [(plot) => this.#read(plot)] },
    };
  }

  #across() {
    const all = [...this.data.x, ...this.data.bars.x];
    return [Math.min(...all), Math.max(...all)];
  }

  /** The fit and the middles decide the range: a wide quote far out must not flatten the smile. */
  #up() {
    const fit = this.data.lines[0]?.values ?? [];
    const known = [...this.data.bars.mid, ...fit].filter((value) => value !== null);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const room = (high - low || 1) * ROOM;
    return [Math.max(0, low - room), high + room];
  }

  #bars(plot) {
    const { x, low, mid, high } = this.data.bars;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.strokeStyle = ctx.fillStyle = token(this, "--ink-2");
    ctx.lineWidth = devicePixelRatio;
    x.forEach((strike, index) => {
      const across = Math.round(plot.valToPos(strike, "x", true)) + 0.5;
      if (low[index] !== null && high[index] !== null) {
        ctx.beginPath();
        ctx.moveTo(across, plot.valToPos(low[index], "y", true));
        ctx.lineTo(across, plot.valToPos(high[index], "y", true));
        ctx.stroke();
      }
      if (mid[index] !== null) {
        const size = 2 * devicePixelRatio;
        ctx.fillRect(across - size / 2, plot.valToPos(mid[index], "y", true) - size / 2, size, size);
      }
    });
    ctx.restore();
  }

  #marks(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.font = `${FONT_PX * devicePixelRatio}px ${getComputedStyle(this).fontFamily}`;
    ctx.lineWidth = devicePixelRatio;
    this.data.marks.forEach((mark, index) => {
      const across = Math.round(plot.valToPos(mark.x, "x", true)) + 0.5;
      ctx.strokeStyle = ctx.fillStyle = token(this, mark.token);
      ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(across, bbox.top);
      ctx.lineTo(across, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(mark.label, across + 4 * devicePixelRatio, bbox.top + (12 + 14 * index) * devicePixelRatio);
    });
    ctx.restore();
  }

  #legend() {
    const list = document.createElement("ul");
    list.className = "legend";
    list.role = "list";
    for (const { label, token: ink, dash } of [...this.data.lines, { ...this.data.bars, token: "--ink-2", dash: [] }]) {
      const item = document.createElement("li");
      const swatch = document.createElement("span");
      swatch.className = `swatch swatch-line${dash.length ? " swatch-dash" : ""}`;
      swatch.dataset.ink = ink.slice(2);
      item.append(swatch, label);
      list.append(item);
    }
    this.readout = document.createElement("li");
    this.readout.className = "faint readout";
    list.append(this.readout);
    this.append(list);
    return list;
  }

  #read(plot) {
    const at = plot.cursor.idx;
    if (at === null || at === undefined || !this.data.lines.length) {
      this.readout.textContent = "";
      return;
    }
    const value = this.data.lines[0].values[at];
    const text = value === null ? "-" : `${number(value, 2)}${this.data.unit}`;
    this.readout.textContent = `${number(this.data.x[at])}: ${text}`;
  }
}

customElements.define("pulse-plot", PulsePlot);
